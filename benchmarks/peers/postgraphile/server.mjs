// PostGraphile v5 as its own documentation sets it up for production: the Amber preset, grafserv on Node's
// plain HTTP server, no GraphiQL, no watching, no explaining. The scope comes from a header, unproven.
import { createServer } from "node:http";
import { grafserv } from "grafserv/node";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const { BENCH_PORT, BENCH_SOCKET, BENCH_SOCKET_PORT, BENCH_DATABASE, BENCH_POOL } = process.env;

const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [
    makePgService({
      poolConfig: {
        host: BENCH_SOCKET,
        port: Number(BENCH_SOCKET_PORT),
        database: BENCH_DATABASE,
        user: "gongzhi_app",
        max: Number(BENCH_POOL),
      },
      schemas: ["mediation", "tenants", "bench"],
    }),
  ],
  grafast: {
    explain: false,
    context: (request) => ({
      pgSettings: { "gongzhi.tenant": request.node.req.headers["gongzhi-tenant"] ?? "" },
    }),
  },
  grafserv: { graphiql: false, watch: false, websockets: false },
};

const service = postgraphile(preset).createServ(grafserv);
const server = createServer();
server.keepAliveTimeout = 60_000;
await service.addTo(server);
await service.ready?.();
// Nothing outlives whoever started this.
process.stdin.on("end", () => process.exit()).resume();
server.listen(Number(BENCH_PORT), "127.0.0.1");
