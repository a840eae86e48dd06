// Every operation of the contract, by the published client.
//
// Needs POSTRIDER_URL, POSTRIDER_TOKEN and POSTRIDER_HOOK, a URL that answers 200, and the package svix beside it.
// Exits non-zero if anything is amiss.

import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";

import { Svix } from "svix";

const PATIENCE_MS = 60_000;
const { POSTRIDER_URL: serverUrl, POSTRIDER_TOKEN: token, POSTRIDER_HOOK: hook } = process.env;

async function eventually(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    ok(Date.now() < end, `not within ${PATIENCE_MS} ms: ${what}`);
    await setTimeout(100);
  }
}

const ids = ({ data }) => data.map(({ id }) => id);
const missing = (call) => rejects(call, { code: 404 });

async function applications(svix) {
  const app = await svix.application.create({ name: "Shop", uid: "shop", metadata: { plan: "a" } });
  deepEqual([app.name, app.uid, app.metadata], ["Shop", "shop", { plan: "a" }]);
  equal((await svix.application.getOrCreate({ name: "Other", uid: "shop" })).id, app.id);
  ok(ids(await svix.application.list()).includes(app.id));
  equal((await svix.application.get("shop")).id, app.id);
  const put = await svix.application.upsert(app.id, { name: "Store", uid: "shop" });
  deepEqual([put.name, put.metadata], ["Store", {}]);
  const patched = await svix.application.patch(app.id, { metadata: { plan: "b" } });
  deepEqual([patched.name, patched.metadata], ["Store", { plan: "b" }]);
  return app.id;
}

async function eventTypes({ eventType }) {
  const name = "invoice.paid";
  const kind = await eventType.create({ name, description: "Paid" });
  deepEqual([kind.name, kind.description, kind.archived], [name, "Paid", false]);
  deepEqual((await eventType.list()).data.map((one) => one.name), [name]);
  equal((await eventType.upsert(name, { description: "Was paid" })).description, "Was paid");
  ok((await eventType.patch(name, { archived: true })).archived);
  equal((await eventType.get(name)).description, "Was paid");
  await eventType.delete(name, { expunge: true });
  await missing(eventType.get(name));
}

async function endpoints({ endpoint }, app) {
  const made = await endpoint.create(app, { url: hook, description: "First", uid: "hook" });
  deepEqual([made.url, made.description], [hook, "First"]);
  deepEqual(ids(await endpoint.list(app)), [made.id]);
  equal((await endpoint.get(app, "hook")).id, made.id);
  const put = await endpoint.upsert(app, made.id, { url: hook, description: "Second", uid: "hook" });
  equal(put.description, "Second");
  const patched = await endpoint.patch(app, made.id, { metadata: { team: "a" } });
  deepEqual([patched.description, patched.metadata], ["Second", { team: "a" }]);

  const secret = (await endpoint.getSecret(app, made.id)).key;
  await endpoint.rotateSecret(app, made.id, {});
  const rotated = (await endpoint.getSecret(app, made.id)).key;
  ok(rotated.startsWith("whsec_"));
  notEqual(rotated, secret);

  await endpoint.setHeaders(app, made.id, { headers: { "x-shop": "1", authorization: "me" } });
  const { headers, sensitive } = await endpoint.getHeaders(app, made.id);
  deepEqual([headers, sensitive], [{ "x-shop": "1" }, ["authorization"]]);
  await endpoint.patchHeaders(app, made.id, { headers: { "x-more": "2" } });
  deepEqual((await endpoint.getHeaders(app, made.id)).headers, { "x-shop": "1", "x-more": "2" });
  return made.id;
}

async function messages({ message, messageAttempt: attempts }, app, endpoint) {
  const payload = { total: 2 };
  const made = await message.create(app, { eventType: "order.paid", payload, eventId: "order-1" });
  deepEqual([made.eventType, made.eventId], ["order.paid", "order-1"]);
  deepEqual(ids(await message.list(app)), [made.id]);
  // The client asks for messages without their content, unless it is told to.
  deepEqual((await message.get(app, "order-1", { withContent: true })).payload, payload);

  const all = async () => (await attempts.listByMsg(app, made.id)).data;
  const [first] = await eventually("an attempt", async () => {
    const list = await all();
    return list.length > 0 && list;
  });
  deepEqual([first.msgId, first.endpointId, first.status, first.responseStatusCode], [made.id, endpoint, 0, 200]);
  deepEqual(ids(await attempts.listByEndpoint(app, endpoint, { limit: 1 })), [first.id]);
  equal((await attempts.get(app, made.id, first.id)).triggerType, 0);
  const attempted = (await attempts.listAttemptedMessages(app, endpoint, { withContent: true })).data;
  deepEqual(attempted.map((one) => [one.id, one.payload]), [[made.id, payload]]);
  const destinations = (await attempts.listAttemptedDestinations(app, made.id)).data;
  deepEqual(destinations.map((one) => [one.id, one.url]), [[endpoint, hook]]);

  await attempts.resend(app, made.id, endpoint);
  await eventually("it is sent again", async () => (await all()).length === 2);
  deepEqual((await all()).map((one) => one.triggerType), [1, 0]);
  await attempts.expungeContent(app, made.id, first.id);
  equal((await attempts.get(app, made.id, first.id)).response, "EXPUNGED");
  await message.expungeContent(app, made.id);
  deepEqual((await message.get(app, made.id, { withContent: true })).payload, { expired: true });
  return made;
}

async function tools(svix, app, endpoint, message) {
  const example = await svix.endpoint.sendExample(app, endpoint, { eventType: "svix.ping" });
  equal(example.eventType, "svix.ping");
  await eventually("the example arrives", async () => {
    return (await svix.messageAttempt.listByMsg(app, example.id)).data.length > 0;
  });
  await eventually("both are counted", async () => (await svix.endpoint.getStats(app, endpoint)).success === 2);
  const task = await svix.endpoint.recover(app, endpoint, { since: message.timestamp });
  ok(task.id.startsWith("qtask_"));
  equal(task.task, "endpoint.recover");
}

async function authentication(svix, app) {
  const access = await svix.authentication.appPortalAccess(app, {});
  ok(access.url.endsWith(access.token));
  const portal = new Svix(access.token, { serverUrl });
  equal((await portal.application.get(app)).id, app);
  await portal.authentication.logout();
  await eventually("the token is refused", () =>
    portal.application.get(app).then(
      () => false,
      ({ code }) => code === 401,
    ),
  );
}

const svix = new Svix(token, { serverUrl });
await svix.health.get();
const app = await applications(svix);
await eventTypes(svix);
const endpoint = await endpoints(svix, app);
const message = await messages(svix, app, endpoint);
await tools(svix, app, endpoint, message);
await authentication(svix, app);
await svix.endpoint.delete(app, endpoint);
await missing(svix.endpoint.get(app, endpoint));
await svix.application.delete(app);
await missing(svix.application.get(app));
