// Vercel's AI SDK, without a page: a chat is asked, answered anew, left, and taken up again.
import { AbstractChat, DefaultChatTransport } from "ai";

const { RINI_URL: url, RINI_TOKEN: token } = process.env;
const headers = { Authorization: `Bearer ${token}` };

class State {
  status = "ready";
  error = undefined;
  constructor(messages) {
    this.messages = messages;
  }
  pushMessage = (message) => (this.messages = [...this.messages, message]);
  popMessage = () => (this.messages = this.messages.slice(0, -1));
  replaceMessage = (at, message) => (this.messages = this.messages.with(at, structuredClone(message)));
  snapshot = (value) => structuredClone(value);
}

class Chat extends AbstractChat {
  constructor(id, messages = []) {
    const body = { model: "anthropic/claude-sonnet-4-5" };
    const transport = new DefaultChatTransport({ api: `${url}/api/ai-sdk/chat`, headers, body });
    super({ id, transport, state: new State(messages) });
  }
}

const text = (message) => message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
const tell = (...words) => console.log(words.join(" "));

const chat = new Chat("여행");
await chat.sendMessage({ text: "안녕?" });
tell(chat.status, text(chat.lastMessage));
await chat.regenerate();
tell(chat.status, chat.messages.length, text(chat.lastMessage));

const left = new Chat("긴 이야기");
const reading = left.sendMessage({ text: "길게 얘기해 줘" });
while (left.messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
const loaded = await (await fetch(`${url}/api/ai-sdk/chat/${left.id}`, { headers })).json();
const resumed = new Chat(left.id, loaded.messages);
await resumed.resumeStream();
await reading;
tell(resumed.status, resumed.messages.length, text(resumed.lastMessage) === text(left.lastMessage));
await resumed.resumeStream();
tell(resumed.status, resumed.messages.length);
