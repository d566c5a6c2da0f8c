/* Comfort only: every page works without this file. No library, no inline handler; events are caught at the document. */
(function () {
  "use strict";

  /* a question before a step that matters: data-confirm on a button or a link */
  document.addEventListener("click", function (event) {
    var asker = event.target.closest("[data-confirm]");
    if (asker && !window.confirm(asker.getAttribute("data-confirm"))) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);

  /* the box in the head of a table picks every row of its page */
  document.addEventListener("change", function (event) {
    var box = event.target;
    if (!box.matches) { return; }
    if (box.matches("[data-pick-all]")) {
      box.closest("table").querySelectorAll("tbody .as-pick").forEach(function (pick) { pick.checked = box.checked; });
    }
    if (box.matches(".as-pick")) { countPicks(box.closest("form")); }
    if (box.matches("[data-drop] input[type=file]")) { showNames(box); }
  });

  function countPicks(form) {
    var place = form && form.querySelector("[data-pick-count]");
    if (!place) { return; }
    var count = form.querySelectorAll("tbody .as-pick:checked").length;
    place.textContent = place.getAttribute("data-pick-count").replace("{n}", String(count));
  }

  /* a file larger than the server takes is told before it is sent */
  document.addEventListener("submit", function (event) {
    event.target.querySelectorAll("input[type=file]").forEach(function (input) {
      var told = input.parentNode.querySelector("[data-size-error]");
      var text = tooLarge(input);
      if (told) { told.remove(); }
      if (!text) { return; }
      event.preventDefault();
      told = document.createElement("p");
      told.className = "as-error";
      told.setAttribute("data-size-error", "");
      told.setAttribute("role", "alert");
      told.textContent = text;
      input.parentNode.appendChild(told);
    });
  }, true);

  function tooLarge(input) {
    var limit = Number(input.closest("[data-most-mb]").getAttribute("data-most-mb"));
    var large = Array.prototype.filter.call(input.files, function (file) { return file.size > limit * 1048576; });
    if (!limit || !large.length) { return ""; }
    var size = (Math.ceil(large[0].size / 104857.6) / 10).toLocaleString();
    return document.body.getAttribute("data-too-large").replace("{size}", size).replace("{limit}", String(limit));
  }

  /* one form, one request: a second press within ten seconds is swallowed (the server answers it the same way anyway) */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method !== "post") { return; }
    if (form.hasAttribute("data-sent")) { event.preventDefault(); return; }
    form.setAttribute("data-sent", "");
    form.setAttribute("aria-busy", "true");
    /* the answer is a file and the page stays: it says where to go on */
    form.querySelectorAll("[data-file-given]").forEach(function (word) { word.hidden = false; });
    window.setTimeout(function () { form.removeAttribute("data-sent"); form.removeAttribute("aria-busy"); }, 10000);
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      form.removeAttribute("data-sent");
      form.removeAttribute("aria-busy");
    });
  });

  /* the file's area takes a dropped file and writes its name */
  function showNames(input) {
    var area = input.closest("[data-drop]");
    var place = area.querySelector("[data-drop-name]");
    var names = Array.prototype.map.call(input.files, function (file) {
      return file.name + "　" + Math.max(1, Math.round(file.size / 1024)).toLocaleString() + " KB";
    });
    place.textContent = names.length ? names.join("、") : area.getAttribute("data-drop-empty");
  }
  document.querySelectorAll("[data-drop]").forEach(function (area) {
    var input = area.querySelector("input[type=file]");
    var place = area.querySelector("[data-drop-name]");
    if (!input || !place) { return; }
    area.classList.add("as-drop--enhanced");
    place.hidden = false;
    area.querySelector("[data-drop-pick]").hidden = false;
    showNames(input);
    ["dragenter", "dragover"].forEach(function (name) {
      area.addEventListener(name, function (event) { event.preventDefault(); area.classList.add("as-drop--over"); });
    });
    ["dragleave", "drop"].forEach(function (name) {
      area.addEventListener(name, function () { area.classList.remove("as-drop--over"); });
    });
    area.addEventListener("drop", function (event) {
      event.preventDefault();
      if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; showNames(input); }
    });
  });

  /* the refused form: the reader starts at what is wrong */
  var wrong = document.getElementById("form-errors");
  if (wrong) { wrong.focus(); }
})();
