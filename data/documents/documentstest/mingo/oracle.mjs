// Answers questions with mingo: a JSON line in, a JSON line out. Dates travel as {"$date": milliseconds}, regular
// expressions as {"$regularExpression": {pattern, options}}.
import { createInterface } from "node:readline";
import { Aggregator, Query, updateMany } from "mingo";

const decode = (v) => {
  if (Array.isArray(v)) return v.map(decode);
  if (v === null || typeof v !== "object") return v;
  const keys = Object.keys(v);
  if (keys.length === 1 && keys[0] === "$date") return new Date(v.$date);
  if (keys.length === 1 && keys[0] === "$regularExpression") {
    return new RegExp(v.$regularExpression.pattern, v.$regularExpression.options);
  }
  return Object.fromEntries(keys.map((k) => [k, decode(v[k])]));
};

const encode = (v) => {
  if (Array.isArray(v)) return v.map((e) => (e === undefined ? null : encode(e)));
  if (v instanceof Date) return { $date: v.getTime() };
  if (v instanceof RegExp) return { $regularExpression: { pattern: v.source, options: v.flags } };
  if (typeof v === "number" && !Number.isFinite(v)) return { $number: String(v) };
  if (v === null || typeof v !== "object") return v;
  return Object.fromEntries(Object.entries(v).filter(([, e]) => e !== undefined).map(([k, e]) => [k, encode(e)]));
};

const answer = ({ docs, other, filter, sort, projection, pipeline, update, arrayFilters }) => {
  if (pipeline) {
    return new Aggregator(pipeline, { collectionResolver: (name) => other?.[name] ?? (name === "things" ? docs : []) }).run(docs);
  }
  if (update) {
    updateMany(docs, filter, update, { arrayFilters });
    return docs;
  }
  const cursor = new Query(filter).find(docs, projection);
  return (sort ? cursor.sort(sort) : cursor).all();
};

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = { docs: encode(answer(decode(JSON.parse(line)))) };
  } catch (e) {
    reply = { error: String(e?.message ?? e) };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}
