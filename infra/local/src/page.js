(function () {
  // Instants are shown in the time of whoever reads them.
  function inLocalTime(part) {
    part.querySelectorAll('time[datetime]').forEach(function (time) {
      var at = new Date(time.getAttribute('datetime'));
      var isToday = at.toDateString() === new Date().toDateString();
      time.textContent = isToday ? at.toLocaleTimeString() : at.toLocaleString();
    });
  }
  // What somebody reads in, has opened or marked stays as it is until they have left it.
  function isInUse(part) {
    var marked = window.getSelection();
    return part.contains(document.activeElement) || part.querySelector('details[open]')
      || (marked && !marked.isCollapsed && part.contains(marked.anchorNode));
  }
  var said = new Map();
  document.querySelectorAll('[data-keyed] > article').forEach(function (article) { said.set(article.id, article.outerHTML); });
  function take(answer) {
    answer.querySelectorAll('[data-keyed]').forEach(function (theirs) {
      var ours = document.getElementById(theirs.id);
      if (!ours) { location.reload(); return; }
      var before = null;
      [].slice.call(theirs.children).reverse().forEach(function (next) {
        var html = next.outerHTML, present = document.getElementById(next.id);
        if (!present || (said.get(next.id) !== html && !isInUse(present))) {
          said.set(next.id, html);
          var made = document.importNode(next, true);
          inLocalTime(made);
          if (present) present.replaceWith(made); else ours.insertBefore(made, before);
          present = made;
        }
        before = present;
      });
      [].slice.call(ours.children).forEach(function (present) {
        if (!answer.getElementById(present.id) && !isInUse(present)) { said.delete(present.id); present.remove(); }
      });
    });
    answer.querySelectorAll('.count[id]').forEach(function (count) { document.getElementById(count.id).textContent = count.textContent; });
    document.title = answer.title;
  }
  function ask() {
    if (document.hidden) return;
    fetch(location.href).then(function (answer) { return answer.text(); })
      .then(function (text) { take(new DOMParser().parseFromString(text, 'text/html')); })
      .catch(function () {});
  }
  inLocalTime(document);
  document.querySelectorAll('button[data-copies]').forEach(function (button) {
    button.hidden = !navigator.clipboard;
    button.onclick = function () {
      navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent)
        .then(function () { button.textContent = 'Copied'; });
    };
  });
  if (document.body.dataset.asks) setInterval(ask, 3000);
})();
