// What programs and pages do with Inngest's own client: one scenario by name; prints what it saw as one line of JSON.
import { createElement } from "react";
import { act, create } from "react-test-renderer";
import { Inngest, realtime, staticSchema } from "inngest";
import { subscribe } from "inngest/realtime";
import { getClientSubscriptionToken, useRealtime } from "inngest/react";

const [name, baseUrl] = process.argv.slice(2);
const { SIGNING_KEY: signingKey, EVENT_KEY: eventKey } = process.env;
const inngest = new Inngest({ id: "js", baseUrl, signingKey, eventKey, isDev: false, logger: quiet() });
const chat = realtime.channel({
  name: (id) => `chat:${id}`,
  topics: { tokens: { schema: staticSchema() }, status: { schema: staticSchema() } },
});
const LIMIT_MS = 15_000;

function quiet() {
  const nothing = () => {};
  return { info: nothing, debug: nothing, warn: nothing, error: (...said) => console.error(...said) };
}

async function take(stream, count) {
  const taken = [];
  const reader = stream.getReader();
  while (taken.length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    taken.push(value);
  }
  reader.releaseLock();
  return taken;
}

async function until(condition, what) {
  const end = Date.now() + LIMIT_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
  }
}

/** Render the hook until `drive` is done; every state that it went through. */
async function rendered(options, drive) {
  globalThis.IS_REACT_ACT_ENVIRONMENT = true;
  const states = [];
  function Page() {
    states.push(useRealtime(options));
    return null;
  }
  let page;
  await act(() => { page = create(createElement(Page)); });
  await drive(() => states.at(-1));
  const { connectionStatus, runStatus, result, messages, error } = states.at(-1);
  await act(() => page.unmount());
  return {
    connectionStatus, runStatus, result, error: error?.message ?? null,
    all: messages.all.map((message) => message.data),
    statuses: states.map((state) => state.connectionStatus).filter((status, i, all) => status !== all[i - 1]),
  };
}

const scenarios = {
  async token() {
    const full = await inngest.realtime.token({ channel: chat("1"), topics: ["tokens"] });
    const page = await getClientSubscriptionToken(inngest, { channel: chat("1"), topics: ["tokens"] });
    return { fields: Object.keys(full), page: Object.keys(page), apiBaseUrl: page.apiBaseUrl, parts: page.key.split(".").length };
  },

  async iterator() {
    const stream = await subscribe({ app: inngest, channel: chat("it"), topics: ["tokens", "status"] });
    for (const value of [{ a: 1 }, "text", 42, null, true, [1, "x"]]) await inngest.realtime.publish(chat("it").tokens, value);
    await inngest.realtime.publish(chat("it").status, "done");
    const seen = [];
    for await (const message of stream) {
      seen.push(message);
      if (message.topic === "status") break;
    }
    stream.close();
    const { createdAt, ...first } = seen[0];
    return { data: seen.map((message) => message.data ?? null), first, dated: createdAt instanceof Date, count: seen.length };
  },

  async callback() {
    const seen = [];
    const stream = await subscribe({ app: inngest, channel: chat("cb"), topics: ["tokens"] }, (message) => { seen.push(message.data); });
    for (let i = 0; i < 5; i++) await inngest.realtime.publish(chat("cb").tokens, i);
    await until(() => seen.length === 5, "five messages");
    stream.close();
    return { seen };
  },

  async onMessage() {
    const seen = [], errors = [];
    const subscription = await subscribe({
      app: inngest, channel: chat("om"), topics: ["tokens"],
      onMessage: (message) => { seen.push(message.data); if (message.data === 1) throw new Error("callback failed"); },
      onError: (error) => errors.push(error.message),
    });
    for (let i = 0; i < 3; i++) await inngest.realtime.publish(chat("om").tokens, i);
    await until(() => seen.length === 3, "three messages");
    subscription.close();
    return { seen, errors };
  },

  async streams() {
    const stream = await subscribe({ app: inngest, channel: chat("st"), topics: ["tokens"] });
    const json = stream.getJsonStream(), encoded = stream.getEncodedStream();
    const [objects, bytes] = [take(json, 2), take(encoded, 1)];
    for (const value of ["é", { b: 2 }]) await inngest.realtime.publish(chat("st").tokens, value);
    const result = { json: (await objects).map((message) => message.data), encoded: new TextDecoder().decode((await bytes)[0]) };
    stream.close();
    return result;
  },

  async datastream() {
    const stream = await subscribe({ app: inngest, channel: chat("ds"), topics: ["tokens", "status"] });
    const pieces = ["one ", "two ", "dréi"].map((piece) => new TextEncoder().encode(piece));
    await inngest.realtime.publish(chat("ds").tokens, new ReadableStream({
      async pull(controller) {
        const piece = pieces.shift();
        if (piece) controller.enqueue(piece);
        else controller.close();
      },
    }));
    await inngest.realtime.publish(chat("ds").status, "done");
    const seen = [];
    for await (const message of stream) {
      seen.push([message.kind, message.data]);
      if (message.topic === "status") break;
    }
    stream.close();
    return { kinds: [...new Set(seen.map(([kind]) => kind))], text: seen.slice(0, -1).map(([, data]) => data).join("") };
  },

  async onlyItsTopic() {
    const page = await getClientSubscriptionToken(inngest, { channel: chat("own"), topics: ["status"] });
    // A page that holds a token for `status` asks for everything.
    const stream = await subscribe({ channel: chat("own"), topics: ["tokens", "status"], key: page.key, apiBaseUrl: page.apiBaseUrl });
    await inngest.realtime.publish(chat("own").tokens, "secret");
    await inngest.realtime.publish(chat("other").status, "secret");
    await inngest.realtime.publish(chat("own").status, "for me");
    const [first] = await take(stream, 1);
    stream.close();
    return { first: first.data };
  },

  async badToken() {
    const attempt = subscribe({ channel: chat("bad"), topics: ["tokens"], key: "no.token.here", apiBaseUrl: baseUrl });
    return attempt.then(() => ({ opened: true }), (error) => ({ opened: false, kind: error.type ?? error.name }));
  },

  async hook() {
    const token = () => getClientSubscriptionToken(inngest, { channel: chat("hook"), topics: ["tokens"] });
    return rendered({ channel: chat("hook"), topics: ["tokens"], token }, async (state) => {
      await until(() => state().connectionStatus === "open", "the connection");
      await inngest.send({ name: "js/answer", data: { channel: "chat:hook" } });
      await until(() => ["completed", "failed"].includes(state().runStatus), "the end of the run");
      await until(() => state().connectionStatus === "closed", "the end of the connection");
    });
  },

  async hookOfAFailure() {
    const token = () => getClientSubscriptionToken(inngest, { channel: chat("fail"), topics: ["tokens"] });
    return rendered({ channel: chat("fail"), topics: ["tokens"], token }, async (state) => {
      await until(() => state().connectionStatus === "open", "the connection");
      await inngest.send({ name: "js/answer", data: { channel: "chat:fail", fail: true } });
      await until(() => ["completed", "failed"].includes(state().runStatus), "the end of the run");
    });
  },
};

const result = await scenarios[name]();
console.log(JSON.stringify(result));
process.exit(0);
