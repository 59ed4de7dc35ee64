// Starts GraphiQL on this host's own /graphql. Loads nothing, and asks nobody else.
"use strict";

(() => {
  const ENDPOINT = "/graphql";
  const CSRF_COOKIE = "gongzhi_csrf";

  const DEFAULT_QUERY = `# 共治 gongzhi · GraphiQL
#
# 在下方 Headers 栏用 JSON 填两个请求头：
# Put two headers, as JSON, into "Headers" below:
#
# {
#   "Authorization": "Bearer YOUR-TOKEN",
#   "Gongzhi-Scope": "530425001006"
# }
#
# Authorization：您是谁；已登录本站可省略。
#   Who you are; not needed once signed in here.
# Gongzhi-Scope：社区（村）或上级辖区的代码。
#   The code of a community, or an area above it.
#
# 填好后点左下角刷新按钮，读取接口定义。
# Then re-fetch the schema (button, lower left).
# 请求头不保存，刷新页面后需重填。
# Headers are not kept: a reload forgets them.

query {
  __typename
}
`;

  function cookie(name) {
    const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
    return found === undefined ? null : decodeURIComponent(found.slice(name.length + 1));
  }

  // Read anew for each request: signing in elsewhere in the browser changes it.
  function csrf() {
    const token = cookie(CSRF_COOKIE);
    return token ? { "X-CSRF-Token": token } : {};
  }

  function unreadable(zh, en) {
    return { errors: [{ message: `${zh} / ${en}` }] };
  }

  async function ask(operation, { headers = {} } = {}) {
    let response;
    try {
      response = await fetch(ENDPOINT, {
        method: "POST",
        credentials: "same-origin",
        headers: {
          Accept: "application/graphql-response+json, application/json",
          "Content-Type": "application/json",
          ...csrf(),
          ...headers,
        },
        body: JSON.stringify(operation),
      });
    } catch (error) {
      // Also where a header can't be sent, for example a token with Chinese characters in it.
      return unreadable(`请求未能发出：${error.message}`, `The request was not sent: ${error.message}`);
    }
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      return unreadable(
        `服务器的回答（HTTP ${response.status}）不是 JSON：${text.slice(0, 200)}`,
        `The server's answer (HTTP ${response.status}) is not JSON`,
      );
    }
  }

  // GraphiQL's history notes the headers even when told not to keep them, the token among them.
  function withoutHeaders(value) {
    try {
      return JSON.stringify(JSON.parse(value), (key, part) => (key === "headers" ? null : part));
    } catch {
      return value;
    }
  }

  // Queries and variables may hold personal data: they leave with the tab, not with the next user.
  function storage() {
    let tab;
    try {
      tab = window.sessionStorage;
    } catch {
      return null;
    }
    return {
      getItem: (key) => tab.getItem(key),
      setItem: (key, value) => tab.setItem(key, withoutHeaders(value)),
      removeItem: (key) => tab.removeItem(key),
      clear: () => tab.clear(),
      get length() {
        return tab.length;
      },
    };
  }

  function paragraph(text, language) {
    const element = document.createElement("p");
    element.lang = language;
    element.textContent = text;
    return element;
  }

  function fail(place, reason) {
    const notice = document.createElement("div");
    notice.className = "notice failed";
    notice.setAttribute("role", "alert");
    const detail = document.createElement("pre");
    detail.textContent = reason;
    notice.append(
      paragraph("GraphiQL 未能启动：请刷新页面，或换用较新的浏览器。接口仍可直接使用：向 /graphql 发送 POST 请求。", "zh-CN"),
      paragraph(
        "GraphiQL did not start: reload the page, or use a newer browser. The interface still works: send POST requests to /graphql.",
        "en",
      ),
      detail,
    );
    place.replaceChildren(notice);
  }

  function start(place) {
    const missing = ["React", "ReactDOM", "GraphiQL"].filter((name) => window[name] === undefined);
    if (missing.length > 0) {
      fail(place, `未载入 / not loaded: ${missing.join(", ")}`);
      return;
    }
    // React empties its place when rendering fails, after this function has returned.
    window.addEventListener("error", ({ message }) => {
      if (place.childElementCount === 0) fail(place, message);
    });
    place.replaceChildren();
    window.ReactDOM.createRoot(place).render(
      window.React.createElement(window.GraphiQL, {
        fetcher: ask,
        storage: storage(),
        defaultQuery: DEFAULT_QUERY,
        defaultEditorToolsVisibility: "headers",
        // A token that lies in the browser's storage is a token somebody else finds.
        shouldPersistHeaders: false,
      }),
    );
  }

  start(document.getElementById("graphiql"));
})();
