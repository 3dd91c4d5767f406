(function () {
  var page = document, state = page.getElementById('state'), waiting = page.getElementById('wait');
  var said = state.innerHTML, timer;
  function text(element) { return element.textContent.replace(/[\u2066-\u2069]/g, ''); }
  function copy(event) {
    var button = event.target, rows = button.previousElementSibling.children, lines = [];
    for (var at = 0; at < rows.length; at += 1) lines.push(text(rows[at].children[0]) + ': ' + text(rows[at].children[1]));
    navigator.clipboard.writeText(lines.join('\n')).then(function () { button.textContent = button.getAttribute('data-copied'); });
  }
  function offerCopies() {
    var buttons = navigator.clipboard ? state.querySelectorAll('button[data-copied]') : [];
    for (var at = 0; at < buttons.length; at += 1) { buttons[at].hidden = false; buttons[at].onclick = copy; }
  }
  function ask(isPressed) {
    var request = new XMLHttpRequest();
    clearTimeout(timer);
    request.open('GET', waiting.querySelector('a').href);
    request.responseType = 'document';
    request.timeout = 30000;
    request.setRequestHeader('paylink-asks-for', 'result');
    request.onloadend = function () { if (request.response) hear(request.response, isPressed); if (waiting) askLater(); };
    request.send();
  }
  function hear(answer, isPressed) {
    var next = answer.getElementById('state'), still = answer.getElementById('wait');
    if (!next || !waiting) return;
    var wasHere = waiting.contains(page.activeElement);
    if (next.innerHTML !== said) { said = state.innerHTML = next.innerHTML; page.title = answer.title; offerCopies(); }
    if (still) {
      waiting.setAttribute('data-poll', still.getAttribute('data-poll'));
      if (isPressed) waiting.querySelector('p').textContent = still.querySelector('p').textContent;
      return;
    }
    waiting.parentNode.removeChild(waiting);
    waiting = null;
    // What somebody was about to press is gone: they go on where it says what happened.
    if (wasHere) { next = state.querySelector('h1'); next.tabIndex = -1; next.focus(); }
  }
  function askLater() {
    timer = setTimeout(function () { if (page.hidden) askLater(); else ask(); }, waiting.getAttribute('data-poll') * 1000);
  }
  offerCopies();
  if (!waiting) return;
  waiting.querySelector('a').onclick = function (event) { event.preventDefault(); ask(true); };
  page.addEventListener('visibilitychange', function () { if (waiting && !page.hidden) ask(); });
  askLater();
})();
