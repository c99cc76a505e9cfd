// The one script of the pages: joins, sends forms as commands, keeps the parts of a page as the stream tells them, and
// says so when it cannot. It holds no rule: the drill says yes or no.
"use strict";
(() => {
  const body = document.body;
  const side = body.dataset.side;
  const $ = (id) => document.getElementById(id);
  let clockOff = 0; // how far the engine's clock is ahead of this device's

  // ---- commands ----

  const ask = async (path, content) => {
    const headers = { "content-type": "application/json" };
    if (side) headers["x-gameday-hat"] = side;
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(content), credentials: "same-origin" });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.error || "the console answered strangely (" + answer.status + ")");
    return said;
  };

  // `12:04:05` is that time of the drill's day in UTC; everything else goes as it is.
  const moment = (text) => {
    const time = /^([0-2]?\d):(\d\d)(?::(\d\d))?(?:Z| UTC)?$/.exec(text);
    if (!time) return text;
    const start = new Date(Number(body.dataset.start));
    const at = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate(), +time[1], +time[2], +(time[3] || 0));
    const days = Math.round((start - at) / 864e5);
    return new Date(at + days * 864e5).toISOString();
  };

  const typed = {
    number: Number,
    moment,
    list: (text) => text.split(/[\s,]+/).filter(Boolean).map(Number),
    words: (text) => text.split(/\s*,\s*/).filter(Boolean),
    flag: () => true,
    yes: (text) => text === "yes",
  };

  // A field's name is its path: `assess.windows[0].from:moment`, `status.to[]`.
  const collect = (form) => {
    const content = {};
    for (const [name, raw] of new FormData(form)) {
      const text = String(raw).trim();
      if (!name || text === "") continue;
      const [path, kind] = name.split(":");
      const value = kind ? typed[kind](text) : text;
      const keys = path.replace(/\[(\d*)\]/g, ".[$1]").split(".");
      let at = content;
      keys.forEach((key, index) => {
        const inList = key.startsWith("[");
        const last = index === keys.length - 1;
        const next = last ? value : keys[index + 1].startsWith("[") ? [] : {};
        if (inList) {
          const place = key === "[]" ? at.length : Number(key.slice(1, -1));
          at = last ? (at[place] = value) : (at[place] ??= next);
        } else {
          at = last ? (at[key] = value) : (at[key] ??= next);
        }
      });
    }
    return dense(content);
  };
  const dense = (value) => {
    if (Array.isArray(value)) return value.filter((one) => one !== undefined).map(dense);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, dense(v)]));
    return value;
  };

  const say = (form, text, good) => {
    const output = form.querySelector("output");
    if (!output) return;
    output.textContent = text;
    output.className = good ? "ok" : "no";
    clearTimeout(output.timer);
    if (good) output.timer = setTimeout(() => { output.textContent = ""; }, 4000);
  };

  const send = async (form, path, content) => {
    if (form.hasAttribute("aria-busy")) return null;
    form.setAttribute("aria-busy", "true");
    try {
      const said = await ask(path, content);
      say(form, "Done.", true);
      return said;
    } catch (error) {
      say(form, error instanceof TypeError ? "The console cannot be reached. Nothing was sent." : error.message, false);
      return null;
    } finally {
      form.removeAttribute("aria-busy");
    }
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.id === "composer") {
      event.preventDefault();
      const text = form.elements.text.value.trim();
      const log = /^!log\s+/.exec(text);
      const as = event.submitter && event.submitter.value;
      const on = form.elements.on.value || null;
      const act = log || as === "log" ? { log: { text: text.replace(/^!log\s+/, ""), on } } : { say: text };
      if (text && (await send(form, "/api/act", act))) {
        form.reset();
        form.elements.text.focus();
      }
    } else if (form.id === "join") {
      event.preventDefault();
      const token = form.elements.token.value.trim().replace(/^.*#/, "");
      const joined = await send(form, "/api/join", { token, name: form.elements.name.value.trim(), cookie: true });
      if (joined) location.assign(joined.page);
    } else if (form.dataset.post) {
      event.preventDefault();
      if (await send(form, form.dataset.post, collect(form))) {
        if (form.dataset.then) location.assign(form.dataset.then);
        form.reset();
      }
    }
  });

  document.addEventListener("change", (event) => {
    const field = event.target.dataset.template;
    if (field && event.target.value) {
      const text = event.target.form.elements[field];
      text.value = event.target.value;
      text.focus();
    }
  });

  document.addEventListener("click", (event) => {
    const pin = event.target.closest("[data-pin]");
    const observe = $("observe");
    if (pin && observe) {
      observe.elements["about:number"].value = pin.dataset.pin;
      observe.elements.text.focus();
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  // ---- joining ----

  if ($("join")) {
    const token = location.hash.slice(1);
    if (token) {
      // The token does not stay in the address bar or the history.
      history.replaceState(null, "", location.pathname);
      $("join").elements.token.value = token;
      $("token").hidden = true;
    }
    (token ? $("join").elements.name : $("join").elements.token).focus();
    return;
  }
  if (!side) return;

  // ---- time ----

  const now = () => Date.now() + clockOff;
  const two = (n) => String(n).padStart(2, "0");
  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " min";
    return Math.floor(s / 3600) + " h " + two(Math.floor(s / 60) % 60) + " min";
  };
  const clock = (ms) => {
    const s = Math.floor(Math.abs(ms) / 1000);
    const hours = Math.floor(s / 3600);
    return (ms < 0 ? "T\u2212" : "T+") + (hours ? hours + ":" : "") + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  };
  const ownZone = new Date().getTimezoneOffset() !== 0;
  const times = (root) => {
    if (!ownZone) return;
    for (const one of root.querySelectorAll("time[data-at]:not([data-local])")) {
      one.dataset.local = new Date(Number(one.dataset.at)).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    }
  };
  if (ownZone) for (const zone of document.querySelectorAll("[data-zone]")) zone.textContent = ", yours below each";

  const tick = () => {
    for (const one of document.querySelectorAll("[data-clock]")) one.textContent = clock(now() - Number(one.dataset.clock));
    for (const one of document.querySelectorAll("[data-age]")) one.textContent = span(now() - Number(one.dataset.age)) + " ago";
    for (const one of document.querySelectorAll("[data-due]")) {
      const left = Number(one.dataset.due) - now();
      one.textContent = left < 0 ? "overdue by " + span(-left) : "in " + span(left);
      one.className = left < 0 ? "late" : "";
    }
  };

  // ---- parts ----

  // Changes `old` into `made` and leaves alone what people are in the middle of: focus, open details, half-typed text.
  const morph = (old, made) => {
    for (const { name } of [...old.attributes]) if (!made.hasAttribute(name) && name !== "open" && name !== "data-local") old.removeAttribute(name);
    for (const { name, value } of [...made.attributes]) if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    const keyed = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
    let at = old.firstChild;
    for (const want of [...made.childNodes]) {
      const same = want.id && keyed.get(want.id);
      if (same && same !== at) old.insertBefore(same, at);
      const have = same || at;
      if (have && have.nodeName === want.nodeName && (have.id || "") === (want.id || "")) {
        at = have.nextSibling;
        if (have.nodeType === Node.TEXT_NODE) {
          if (have.data !== want.data) have.data = want.data;
        } else if (have.nodeType === Node.ELEMENT_NODE) {
          if (have.hasAttribute("data-age") && have.dataset.age === want.dataset.age) continue;
          if (have.nodeName === "OUTPUT") continue;
          morph(have, want);
        }
      } else {
        old.insertBefore(want, at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };

  const put = (name, markup) => {
    const part = $(name);
    if (!part || !part.dataset.part) return;
    const made = part.cloneNode(false);
    made.innerHTML = markup;
    morph(part, made);
    times(part);
  };

  const LINES_MAX = 500;
  const append = (id, markup) => {
    const list = $(id);
    if (!list || !markup) return;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    const made = document.createElement("template");
    made.innerHTML = markup;
    times(made.content);
    for (const line of [...made.content.children]) {
      if ($(line.id)) continue;
      line.classList.add("new");
      list.append(line);
    }
    while (list.children.length > LINES_MAX) list.firstElementChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
  };

  // ---- the stream ----

  let source = null;
  let heard = Date.now();
  let last = Number(body.dataset.seq);
  let again = 500;
  let over = false;

  const state = (name, note, kind) => {
    const link = $("link");
    link.className = "link " + name;
    link.textContent = { live: "live", wait: "catching up", lost: "no connection" }[name];
    link.title = note || "Live: what you see is how it stands";
    const bar = $("note");
    bar.hidden = !note;
    bar.className = "note " + (kind || "");
    if (bar.textContent !== (note || "")) bar.textContent = note || "";
  };

  const ended = () => document.querySelector("[data-ended]");

  const lost = async () => {
    if (over) return;
    source.close();
    state("lost", ended() ? "The exercise is over and its console has ended. This page stays as it is." : "No connection to the drill. What you see may be old; trying again.", ended() ? "" : "bad");
    try {
      const answer = await fetch("/api/board", { headers: { "x-gameday-hat": side }, credentials: "same-origin" });
      if (answer.status === 401) {
        over = true;
        state("lost", "This session has ended. Open your link again to come back.", "bad");
        return;
      }
    } catch { /* not reachable: tried again below */ }
    again = Math.min(again * 1.7, 10000);
    setTimeout(open, again);
  };

  const open = () => {
    if (over) return;
    if (source) source.close();
    heard = Date.now();
    // The first message after this carries everything that was missed.
    source = new EventSource("/" + side + "/live?after=" + last + ($("signals") ? "&signals" : ""));
    source.onopen = () => state("wait", again > 500 ? "Catching up with what has happened since." : "");
    source.onerror = lost;
    source.addEventListener("alive", (event) => {
      heard = Date.now();
      clockOff = Number(event.data) - heard;
    });
    source.addEventListener("page", (event) => {
      heard = Date.now();
      const news = JSON.parse(event.data);
      clockOff = news.now - heard;
      last = Math.max(last, Number(event.lastEventId));
      for (const [name, markup] of Object.entries(news.parts)) put(name, markup);
      append("lines", news.channel);
      append("moments", news.timeline);
      again = 500;
      state("live");
      tick();
    });
  };

  // A device that slept, or a connection that died in silence, does not wait for an error.
  let ticked = Date.now();
  setInterval(() => {
    const gap = Date.now() - ticked;
    ticked = Date.now();
    tick();
    if (!over && (gap > 10000 || Date.now() - heard > 40000)) {
      state("wait", "Catching up with what has happened since.");
      open();
    }
  }, 1000);
  window.addEventListener("online", open);
  window.addEventListener("offline", () => state("lost", "This device is offline. What you see may be old.", "bad"));
  window.addEventListener("pagehide", () => source && source.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());

  // ---- keys ----

  const keys = $("keys");
  const stored = "gameday-keys";
  keys.checked = localStorage.getItem(stored) !== "off";
  keys.addEventListener("change", () => localStorage.setItem(stored, keys.checked ? "on" : "off"));
  const show = (id) => {
    const act = $(id);
    if (!act) return null;
    act.open = true;
    return act.querySelector("textarea,select,input:not([type=hidden])");
  };
  const to = {
    "/": () => $("search") || void location.assign("/" + side + "/docs"),
    c: () => $("message"),
    a: () => document.querySelector("button.ack"),
    s: () => show("act-s"),
    p: () => show("act-p"),
    t: () => document.querySelector("#add-action input"),
    h: () => $("pointer"),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.id === "message" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      event.target.form.requestSubmit(event.target.form.querySelector("button.primary"));
    } else if (event.key === "Enter" && event.target.id === "pointer") {
      event.preventDefault();
      event.target.form.requestSubmit();
    } else if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    } else if (keys.checked && !event.ctrlKey && !event.altKey && !event.metaKey && to[event.key] && !event.target.closest("input,textarea,select")) {
      event.preventDefault();
      const field = to[event.key]();
      if (field) field.focus();
    }
  });

  // Once the search page is there, what was looked for is ready to be typed over.
  if ($("search") && !location.hash && !$("search").value && location.pathname.endsWith("/docs")) $("search").focus();

  times(document);
  for (const list of document.querySelectorAll(".lines")) list.scrollTop = list.scrollHeight;
  tick();
  open();
})();
