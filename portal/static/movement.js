/* Comfort only: the name behind an account number and the balance afterwards while typing. The page's buttons say the same. */
(function () {
  "use strict";

  var form = document.querySelector("form[data-movement]");
  if (!form) { return; }
  /* the figures are those of one kind of units: another one chosen, or put back after a log-in, asks for its own */
  var unit = form.elements.unit;
  if (unit && unit.tagName === "SELECT") {
    var ask = function () {
      if (unit.value !== form.getAttribute("data-unit")) { form.querySelector('button[name="look"][value="unit"]').click(); }
    };
    unit.addEventListener("change", ask);
    ask();
  }

  var quantity = form.elements.quantity;
  var moved = form.querySelector("[data-moved]");
  var after = form.querySelector("[data-after]");
  var need = form.querySelector("[data-need]");
  var held = Number(form.getAttribute("data-held"));
  var free = Number(form.getAttribute("data-free"));
  /* nothing can move: there is nothing to type */
  if (!after) { return; }

  function written(figure) { return figure.toLocaleString("en-US").replace("-", "\u2212"); }

  /* what the table said of an older quantity is no longer so */
  quantity.addEventListener("input", function () {
    var plain = quantity.value.normalize("NFKC").trim().replace(/[\s、]/g, ",");
    var figure = /^([0-9]{1,15}|[0-9]{1,3}(,[0-9]{3}){1,4})$/.test(plain) ? Number(plain.replace(/,/g, "")) : 0;
    var short = figure - free;
    moved.textContent = figure ? written(-figure) : "\u2014";
    after.textContent = !figure ? "\u2014" : short > 0 ? after.getAttribute("data-short").replace("{n}", written(short)) : written(held - figure);
    after.parentNode.classList.toggle("as-table__total--bad", short > 0);
    if (need) { need.textContent = written(Math.max(0, Number(need.getAttribute("data-need")) - (short > 0 ? 0 : figure))); }
    form.querySelectorAll(".as-panel__note[data-of-quantity]").forEach(function (note) { note.hidden = true; });
  });

  var place = form.querySelector("[data-account-answer]");
  if (!place || !window.fetch) { return; }
  var number = form.elements.account;
  var waiting = 0;
  var asked = 0;

  number.addEventListener("input", function () {
    window.clearTimeout(waiting);
    asked += 1;
    place.textContent = "";
    /* account numbers have four digits at the least: a shorter one is still being typed */
    if (/[0-9]{4}$/.test(number.value.normalize("NFKC").trim())) {
      waiting = window.setTimeout(look, 500, asked);
    }
  });

  function look(turn) {
    var address = place.getAttribute("data-url") + "?number=" + encodeURIComponent(number.value);
    window.fetch(address, {headers: {Accept: "application/json"}, credentials: "same-origin"})
      .then(function (answer) {
        var json = (answer.headers.get("Content-Type") || "").indexOf("application/json") === 0;
        return json ? answer.json() : null;
      })
      .then(function (said) { if (said && turn === asked) { show(said); } })
      .catch(function () { /* the button still works */ });
  }

  function show(said) {
    var copy = form.querySelector('template[data-answer="' + said.tone + '"]').content.cloneNode(true);
    copy.querySelector(".as-answer__name").textContent = said.name;
    copy.querySelector(".as-answer__name").hidden = !said.name;
    copy.querySelector("[data-answer-text]").textContent = said.text;
    place.replaceChildren(copy);
  }
})();
