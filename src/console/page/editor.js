// The editor of a scenario: numbers and marks beside a plain text, a check while somebody writes, and saving. It holds no
// rule: the server finds what is wrong, draws the plan, and writes the file.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const [form, text, numbers, marks, state, list, plan, old] = ["edit", "text", "numbers", "marks", "state", "problems", "plan", "old"].map($);
  const fixed = text.readOnly;
  let was = form.dataset.digest || null;
  let kept = text.value;

  // ---- numbers and marks ----

  const NUMBERED_MAX = 20000;
  const problem = ({ dataset, parentElement }) =>
    ({ line: +dataset.line, column: +dataset.column, width: +dataset.width, says: parentElement.textContent });
  const problems = () => [...list.querySelectorAll("[data-line]")].map(problem);

  // A line with what is wrong in it marked; columns count characters.
  const marked = (content, wrong) => {
    const letters = Array.from(content);
    const pieces = [];
    let done = 0;
    for (const { column, width } of wrong.sort((a, b) => a.column - b.column)) {
      const from = Math.max(done, Math.min(column - 1, letters.length));
      const until = Math.min(from + width, letters.length);
      if (until <= from) continue;
      const mark = document.createElement("mark");
      mark.textContent = letters.slice(from, until).join("");
      pieces.push(letters.slice(done, from).join(""), mark);
      done = until;
    }
    return [...pieces, letters.slice(done).join("") + "\n"];
  };

  const follow = () => {
    numbers.scrollTop = marks.scrollTop = text.scrollTop;
    marks.scrollLeft = text.scrollLeft;
  };

  const draw = () => {
    const lines = text.value.split("\n");
    const wrong = new Map();
    for (const one of problems()) wrong.set(one.line, [...(wrong.get(one.line) || []), one]);
    while (numbers.childElementCount > lines.length) numbers.lastElementChild.remove();
    while (numbers.childElementCount < Math.min(lines.length, NUMBERED_MAX)) {
      const number = document.createElement("span");
      number.textContent = numbers.childElementCount + 1;
      numbers.append(number);
    }
    for (const number of numbers.querySelectorAll(".bad")) number.className = "";
    for (const line of wrong.keys()) if (numbers.children[line - 1]) numbers.children[line - 1].className = "bad";
    const pieces = [];
    let plain = "";
    lines.forEach((content, index) => {
      const here = wrong.get(index + 1);
      if (!here) return void (plain += content + "\n");
      pieces.push(plain, ...marked(content, here));
      plain = "";
    });
    marks.replaceChildren(...pieces, plain);
    follow();
  };

  // Puts the caret where something is wrong, and shows it.
  const go = ({ line, column, width, says }) => {
    const lines = text.value.split("\n");
    const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    const letters = Array.from(lines[line - 1] || "");
    const from = before + letters.slice(0, column - 1).join("").length;
    text.focus({ preventScroll: true });
    text.setSelectionRange(from, from + letters.slice(column - 1, column - 1 + width).join("").length);
    const height = parseFloat(getComputedStyle(text).lineHeight);
    text.scrollTop = (line - 1) * height - text.clientHeight / 3;
    text.scrollLeft = Math.max(0, (column + width + 4) * height * 0.4 - text.clientWidth);
    text.closest(".code").scrollIntoView({ block: "nearest" });
    $("at").textContent = says;
  };

  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-line]");
    if (button) go(problem(button));
  });

  // The next problem behind the caret, or the first one again.
  const next = (back) => {
    const all = problems().sort((a, b) => a.line - b.line || a.column - b.column);
    if (back) all.reverse();
    const before = text.value.slice(0, text.selectionStart);
    const line = before.split("\n").length;
    const column = Array.from(before.slice(before.lastIndexOf("\n") + 1)).length + 1;
    const place = (one) => one.line - line || one.column - column;
    const found = all.find((one) => (back ? place(one) < 0 : place(one) > 0)) || all[0];
    if (found) go(found);
  };

  // ---- the check ----

  const PAUSE = 350;
  let timer = 0;
  let asking = false;
  const say = (words, good) => {
    if (state.textContent !== words) state.textContent = words;
    state.className = good ? "state good" : "state";
  };

  const check = async () => {
    // One question at a time: what is written meanwhile is asked afterwards.
    if (asking) return later();
    const looked = text.value;
    asking = true;
    try {
      const said = await window.gameday.ask("/api/check", { scenario: was ? $("name")?.value || null : null, text: looked });
      if (text.value !== looked) return;
      list.innerHTML = said.shown;
      if (said.plan) plan.innerHTML = said.plan;
      old.hidden = Boolean(said.plan);
      if (!said.plan && plan.childElementCount) old.textContent = "As it was when the text had no problem.";
      plan.classList.toggle("was", !said.plan);
      say(said.says, said.ok);
      draw();
    } catch (error) {
      if (error.code === "busy" || error.code === "too-fast") later();
      else say(error instanceof TypeError ? "The server cannot be reached: this is not checked." : error.message, false);
    } finally {
      asking = false;
    }
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(check, PAUSE);
  };

  text.addEventListener("scroll", follow, { passive: true });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "F8") return;
    event.preventDefault();
    next(event.shiftKey);
  });
  draw();
  if (!("checked" in state.dataset)) later();
  if (fixed) return;

  // ---- writing and saving ----

  const output = $("kept");
  const changed = () => !was || text.value !== kept;
  const tell = (words, good) => {
    output.textContent = words;
    output.className = good ? "ok" : "no";
  };

  text.addEventListener("input", () => {
    $("dirty").hidden = !changed();
    draw();
    later();
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const written = text.value;
    try {
      const said = await window.gameday.ask("/api/scenario", { scenario: $("name").value.trim(), text: written, was });
      [was, kept] = [said.digest, written];
      $("name").readOnly = true;
      $("dirty").hidden = !changed();
      history.replaceState(null, "", "/library/edit?scenario=" + encodeURIComponent(said.scenario));
      const what = said.problems ? "Saved as a draft: no drill begins while it has a problem." : "Saved. To prove it: gameday rehearse " + said.file;
      tell(what, true);
    } catch (error) {
      const lost = "The server cannot be reached. Nothing was saved.";
      const other = error.code === "changed" ? " Somebody else has saved it meanwhile: copy your text, and open it again." : "";
      tell(error instanceof TypeError ? lost : error.message + other, false);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "s" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  // A new line begins where the one before it began.
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const before = text.value.slice(0, text.selectionStart);
    const indent = before.slice(before.lastIndexOf("\n") + 1).match(/^ */)[0];
    if (indent && document.execCommand("insertText", false, "\n" + indent)) event.preventDefault();
  });
  window.addEventListener("beforeunload", (event) => {
    if (text.value !== kept) event.preventDefault();
  });
})();
