// Resolves references by the gateway's own code, without a gateway that runs.
//
// Its one argument is {"providers": {…}, "asks": [{"provider": "alias", "ids": ["…"]}]}. It prints an array with an
// entry for each ask, in order: {"values": {"id": "value"}} or {"error": "what the gateway would say"}.
import { resolveSecretRefValues } from "openclaw/plugin-sdk/secret-ref-runtime";

const { providers, asks } = JSON.parse(process.argv[1]);

async function answer({ provider, ids }) {
  const refs = ids.map((id) => ({ source: "exec", provider, id }));
  try {
    const values = await resolveSecretRefValues(refs, { config: { secrets: { providers } }, env: process.env });
    return { values: Object.fromEntries(ids.map((id) => [id, values.get(`exec:${provider}:${id}`)])) };
  } catch (error) {
    return { error: error.message };
  }
}

const answers = [];
for (const ask of asks) answers.push(await answer(ask));
console.log(JSON.stringify(answers));
