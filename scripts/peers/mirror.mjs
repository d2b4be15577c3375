// `node --import mirror.mjs`: what a tool fetches from https://HOST/PATH goes to $XPOST_MIRROR/HOST/PATH, a loopback server
// (`xpost mock`). Nothing leaves this machine.
const mirror = new URL(process.env.XPOST_MIRROR);
if (mirror.protocol !== "http:" || !["127.0.0.1", "localhost"].includes(mirror.hostname)) {
  throw new Error("XPOST_MIRROR must be plain http on loopback");
}
const real = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const url = new URL(typeof input === "string" || input instanceof URL ? input : input.url);
  return real(new URL(`/${url.host}${url.pathname}${url.search}`, mirror), init);
};
