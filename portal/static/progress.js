/* Comfort only: asks how far the worker is and shows the page anew when it is done. The page has a link for it too. */
(function () {
  "use strict";

  var area = document.querySelector("[data-progress]");
  if (!area || !window.fetch) { return; }
  var bar = area.querySelector("progress");
  var text = area.querySelector("[data-progress-text]");
  var pause = 1000;

  function ask() {
    window.fetch(area.getAttribute("data-progress"), { headers: { Accept: "application/json" } })
      .then(function (answer) {
        if (!answer.ok || answer.redirected) { throw new Error("no answer"); }
        return answer.json();
      })
      .then(show)
      .catch(function () { pause = 10000; later(); });
  }
  function show(far) {
    if (far.state !== area.getAttribute("data-progress-state")) { window.location.reload(); return; }
    if (far.total) {
      bar.max = far.total;
      bar.value = far.done;
      text.textContent = text.getAttribute("data-progress-words")
        .replace("{total}", far.total.toLocaleString()).replace("{done}", far.done.toLocaleString());
    }
    pause = Math.min(pause + 500, 5000);
    later();
  }
  function later() { window.setTimeout(ask, pause); }
  later();
})();
