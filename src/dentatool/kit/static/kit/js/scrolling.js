// What scrolls sideways can be scrolled by keyboard, and the tab one is at is in sight.
function makeReachable() {
  for (const box of document.querySelectorAll(".table-scroll, .tooth-chart, .panel > .table")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

for (const here of document.querySelectorAll(".tabs [aria-current]")) {
  const tabs = here.parentElement;
  tabs.scrollLeft = here.offsetLeft + here.offsetWidth / 2 - tabs.offsetLeft - tabs.clientWidth / 2;
}
makeReachable();
addEventListener("resize", makeReachable);
