// LangChain.js's own RedisChatMessageHistory, told what to do line by line: a JSON object in, one out.
import { createInterface } from "node:readline";
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { RedisChatMessageHistory } from "@langchain/redis";

const kinds = { human: HumanMessage, ai: AIMessage, system: SystemMessage, tool: ToolMessage };
const url = process.env.REDIS_URL;
const histories = new Map();

function historyOf(sessionId) {
  if (!histories.has(sessionId)) histories.set(sessionId, new RedisChatMessageHistory({ sessionId, config: { url } }));
  return histories.get(sessionId);
}

function plain(message) {
  const { content, id, tool_calls, tool_call_id, usage_metadata, response_metadata } = message;
  return { type: message.getType(), content, id, tool_calls, tool_call_id, usage_metadata, response_metadata };
}

const verbs = {
  async add(history, { messages }) {
    for (const [kind, fields] of messages) await history.addMessage(new kinds[kind](fields));
  },
  async read(history) {
    return (await history.getMessages()).map(plain);
  },
  async copy(history) {
    const messages = await history.getMessages();
    await history.clear();
    for (const message of messages) await history.addMessage(message);
  },
  async clear(history) {
    await history.clear();
  },
  // Read again and again until there are `until` messages; return how many reads ended with a human's message.
  async watch(history, { until }) {
    let open = 0;
    for (let length = 0; length < until; ) {
      const messages = await history.getMessages();
      length = messages.length;
      if (length && messages[length - 1].getType() === "human") open += 1;
    }
    return open;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let answer;
  try {
    answer = { done: (await verbs[asked.verb](historyOf(asked.session), asked)) ?? null };
  } catch (error) {
    answer = { error: String(error.stack ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
