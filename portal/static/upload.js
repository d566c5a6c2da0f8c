/* Comfort only: shows how far a file has travelled and that it is being read. The form works without this file. */
(function () {
  "use strict";

  document.addEventListener("submit", function (event) {
    var form = event.target;
    var input = form.querySelector("input[type=file]");
    if (event.defaultPrevented || !form.hasAttribute("data-upload") || !input.files.length) { return; }
    var area = form.querySelector("[data-upload-progress]");
    var text = form.querySelector("[data-upload-text]");
    var bar = area.querySelector("progress");
    event.preventDefault();
    area.hidden = false;
    text.textContent = text.getAttribute("data-sending");

    var call = new XMLHttpRequest();
    call.open("POST", form.action);
    call.upload.addEventListener("progress", function (moved) {
      if (!moved.lengthComputable) { return; }
      if (moved.loaded >= moved.total) { reading(); } else { bar.value = Math.round(100 * moved.loaded / moved.total); }
    });
    call.upload.addEventListener("load", reading);
    call.addEventListener("load", function () { show(call.responseText, call.responseURL); });
    call.addEventListener("error", function () { area.hidden = true; form.submit(); });
    call.send(new FormData(form));

    function reading() {
      bar.removeAttribute("value");
      text.textContent = text.getAttribute("data-reading");
    }
  });

  /* the answer is a whole page of this portal: it takes the place of this one */
  function show(page, address) {
    window.history.pushState(null, "", address);
    document.open();
    document.write(page);
    document.close();
  }
  window.addEventListener("popstate", function () { window.location.reload(); });
})();
