// The one script of the list of drills and of the library: sends forms as JSON, shows what came of them, and keeps the
// list as it is. It holds no rule: the server says yes or no.
"use strict";
(() => {
  const headers = { "content-type": "application/json", "x-gameday-hat": "lobby" };

  // One's own page: what helps those who run drills helps nobody here, and everything that is sent changes the list.
  const own = document.body.dataset.page === "me";

  const ask = async (path, content) => {
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(content), credentials: "same-origin" });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    const bars = (said.bars || []).map((bar) => (own ? ": " + bar.says : "\n" + bar.code + ": " + bar.says + ". " + bar.help));
    const error = new Error((said.error || "the server answered strangely (" + answer.status + ")") + bars.join(""));
    throw Object.assign(error, { code: said.code });
  };
  // The editor's script asks, too.
  window.gameday = { ask };

<<<<<<< HEAD
  // A field's name may say its kind: `responders:names`, `times:number`, `autopilot:flag`, `attest:each`.
  const typed = { number: Number, names: (text) => text.split(/[\s,]+/).filter(Boolean), flag: () => true };
=======
  // A field's name may say its kind: `responders:names`, `autopilot:flag`, `shifts:lines`, `attest:each`.
  const typed = { names: (text) => text.split(/[\s,]+/).filter(Boolean), flag: () => true, lines: (text) => text.split(/\n/).map((line) => line.trim()).filter(Boolean) };
>>>>>>> main
  const collect = (form) => {
    const content = {};
    for (const [name, raw] of new FormData(form)) {
      const text = String(raw).trim();
      const [key, kind] = name.split(":");
      if (kind === "each") (content[key] ||= []).push(text);
      else if (key && text !== "") content[key] = kind ? typed[kind](text) : text;
    }
    return content;
  };

  const say = (form, text, good) => {
    const output = form.querySelector("output");
    output.textContent = text;
    output.className = good ? "ok" : "no";
  };

  // Links are shown once and nowhere kept: whoever made them hands them out.
  const links = (form, made) => {
    const list = form.querySelector(".links");
    list.replaceChildren(...made.map((one) => {
      const line = document.createElement("li");
      const code = document.createElement("code");
      code.textContent = one.link;
      line.append(one.person + ", " + one.hat + ": ", code);
      return line;
    }));
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.post) return;
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    try {
      const said = await ask(form.dataset.post, collect(form));
      const made = said.invitations || (said.link ? [said] : []);
      say(form, made.length ? "Each link lets one person in, once." : said.drill ? "Begun: it is in the list of drills." : said.lacking ? "Done. Before it can begin: " + said.lacking + "." : "Done.", true);
      if (made.length) links(form, made);
      if (said.page || form.dataset.then) location.assign(said.page || form.dataset.then);
      else await fresh(own);
      if (own) tell(form.querySelector("output").textContent, true);
    } catch (error) {
      say(form, error instanceof TypeError ? "The server cannot be reached. Nothing was sent." : error.message, false);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });

  // ---- the list as it is ----

  const note = document.getElementById("note");
  const tell = (text, good) => {
    note.hidden = !text;
    note.className = good ? "note good" : "note bad";
    if (note.textContent !== text) note.textContent = text;
  };
  const untouched = (list) => !list.contains(document.activeElement) && !list.querySelector("details[open]");

  const fresh = async (changed) => {
    const list = document.getElementById("list");
    if (!list || document.hidden) return;
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin" });
      if (answer.redirected) return tell("Your session has ended. Open a new link to come back.");
      if (!answer.ok) throw new TypeError();
      const made = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("list");
      if (made && (changed === true || untouched(list)) && made.innerHTML !== list.innerHTML) {
        const focused = list.contains(document.activeElement);
        list.replaceWith(made);
        // Whoever goes by keyboard goes on where they were.
        made.tabIndex = -1;
        if (focused) made.focus();
      }
      if (note.classList.contains("bad")) tell("");
    } catch {
      tell("No connection to the server. What you see may be old; trying again.");
    }
  };
  if (["drills", "me"].includes(document.body.dataset.page)) setInterval(fresh, 5000);
  document.addEventListener("visibilitychange", fresh);
  window.addEventListener("online", fresh);
  window.addEventListener("offline", () => tell("This device is offline. What you see may be old."));
})();
