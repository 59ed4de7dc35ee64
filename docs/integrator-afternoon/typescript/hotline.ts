// A hotline's afternoon: read a county, hand in a dispute, get past whatever stands in the way.
import { setTimeout as wait } from "node:timers/promises";
import * as documents from "./client/graphql.js";

const COUNTY = "530425";
const COMMUNITY = "530425001006";
const TICKET = process.argv[2] ?? "";

type Document<Result, Variables> = documents.TypedDocumentString<Result, Variables>;
type ErrorTold = { message: string; extensions: { code: string } };
type Told = { __typename: string; code?: string; message?: string };

/** An answer with errors instead of data. */
class Failed extends Error {
  constructor(readonly errors: ErrorTold[]) {
    super(errors.map((error) => `${error.extensions.code}: ${error.message}`).join("; "));
  }
}

/** A command came to a problem instead of a success. */
class Refused extends Error {
  constructor(readonly problem: Told) {
    super(`${problem.__typename} ${problem.code}: ${problem.message}`);
  }
}

/** Sends again what was refused for haste or got lost; safe, because every mutation carries a key. */
async function patiently(send: () => Promise<Response>, tries = 5): Promise<Response> {
  for (let tried = 1; tried < tries; tried++) {
    let pause = 0.5 * 2 ** tried;
    let why = "no answer";
    try {
      const response = await send();
      if (![429, 502, 503, 504].includes(response.status)) return response;
      pause = Number(response.headers.get("Retry-After") ?? pause);
      why = String(response.status);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    }
    console.error(`${why}: waiting ${pause} s`);
    await wait(pause * 1000);
  }
  return send();
}

class Community {
  constructor(
    readonly token: string,
    readonly scope: string,
  ) {}

  /** The data of one operation, in this client's scope unless another is told. */
  async ask<Result, Variables>(
    document: Document<Result, Variables>,
    variables: Variables,
    scope = this.scope,
  ): Promise<Result> {
    const headers = {
      Authorization: `Bearer ${this.token}`,
      "Gongzhi-Scope": scope,
      "Accept-Language": "en",
      "Content-Type": "application/json",
    };
    const body = JSON.stringify({ query: document, variables });
    const url = `${process.env.GZ_URL}/graphql`;
    const response = await patiently(() =>
      fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(30_000) }),
    );
    const answer = (await response.json()) as { data: Result; errors?: ErrorTold[] };
    if (answer.errors) throw new Failed(answer.errors);
    return answer.data;
  }
}

type Page = { pageInfo: { hasNextPage: boolean; endCursor?: string | null } };

/** Every page of a list: each is asked for with the cursor at which the one before ended. */
async function* pages<P extends Page>(read: (after?: string | null) => Promise<P>): AsyncGenerator<P> {
  let after: string | null | undefined;
  for (;;) {
    const page = await read(after);
    yield page;
    if (!page.pageInfo.hasNextPage) return;
    after = page.pageInfo.endCursor;
  }
}

/** What was there; null is what a field answers that was refused, and then there are errors. */
function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("nothing there");
  return value;
}

/** The case that a command was about. */
function settled(payload: Told & { mediationCase?: documents.CaseFactsFragment }) {
  if (payload.mediationCase) return payload.mediationCase;
  throw new Refused(payload);
}

/** Accept a case; when somebody else was quicker, read again and decide again. */
async function accept(desk: Community, id: string): Promise<documents.CaseFactsFragment> {
  for (;;) {
    const found = present((await desk.ask(documents.OneCaseDocument, { id })).mediationCase);
    if (found.state !== "SCREENING") return found;
    const input = { caseId: id, version: found.version };
    const key = `${TICKET}-accept-${found.version}`;
    const answer = await desk.ask(documents.AcceptCaseDocument, { input, key });
    const payload = present(answer.acceptMediationCase);
    if (payload.__typename !== "VersionConflict") return settled(payload);
  }
}

/** Lists, filters, and a scope that is too wide. */
async function readTheCounty(county: Community): Promise<void> {
  const names: string[] = [];
  let total = 0;
  let count = 0;
  const areas = async (after?: string | null) =>
    present((await county.ask(documents.AreasDocument, { after })).areas);
  for await (const page of pages(areas)) {
    names.push(...page.nodes.map((area) => area.name));
    total = page.totalCount;
    count++;
  }
  console.log(`areas: ${names.length} of ${total} on ${count} pages, the first ${names[0]}`);
  const code = [`${COMMUNITY}001`, `${COMMUNITY}002`];
  const grids = present((await county.ask(documents.GridsDocument, { first: 10, code })).grids);
  console.log(`grids: ${grids.nodes.map((grid) => grid.name).join(", ")}`);
  try {
    await county.ask(documents.CasesDocument, {});
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    console.log(`cases of a county: ${error.errors[0]?.extensions.code}`);
  }
  const closed = await county.ask(documents.CasesDocument, { state: ["CLOSED"] }, COMMUNITY);
  console.log(`cases of the community that are closed: ${present(closed.mediationCases).totalCount}`);
}

/** One dispute, from the hotline's ticket to an accepted case. */
async function handIn(desk: Community): Promise<void> {
  const dispute: documents.OpenCaseInput = {
    title: "楼道堆物",
    category: "NEIGHBOURS",
    source: "REFERRAL",
    facts: "来电反映三楼住户在楼道长期堆放杂物。",
    parties: [
      { side: "APPLICANT", name: "来电人" },
      { side: "RESPONDENT", name: "三楼住户" },
    ],
  };
  const open = async (input: documents.OpenCaseInput) =>
    settled(present((await desk.ask(documents.OpenCaseDocument, { input, key: TICKET })).openMediationCase));
  const first = await open(dispute);
  const again = await open(dispute);
  console.log(`sent twice, opened once: ${first.id === again.id}`);
  const accepted = await accept(desk, first.id);
  console.log(`ticket ${TICKET} is ${accepted.number}, ${accepted.state}, version ${accepted.version}`);
  const late = { caseId: accepted.id, version: accepted.version - 1 };
  const key = `${TICKET}-late`;
  const attempts = [
    async () =>
      settled(present((await desk.ask(documents.AcceptCaseDocument, { input: late, key })).acceptMediationCase)),
    () => open({ ...dispute, title: "楼道停车" }),
  ];
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      console.log(error.message);
    }
  }
}

await readTheCounty(new Community(process.env.GZ_COUNTY ?? "", COUNTY));
await handIn(new Community(process.env.GZ_DESK ?? "", COMMUNITY));
