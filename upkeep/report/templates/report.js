// Progressive only: the page is complete without it. Filters findings, and opens the fold that a link points into.
"use strict";
(() => {
  const form = document.querySelector(".filter");
  const search = form.querySelector("input[type=search]");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const rows = [...document.querySelectorAll("tr.finding")].map((row) => ({
    row, status: row.dataset.status, text: row.textContent.toLowerCase(),
  }));
  const folds = [...document.querySelectorAll("details.area, details.rest")].map((fold) => ({ fold, open: fold.open }));

  const apply = () => {
    const wanted = search.value.trim().toLowerCase();
    const statuses = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const active = wanted !== "" || statuses.size < boxes.length;
    let shown = 0;
    for (const { row, status, text } of rows) {
      row.hidden = !(statuses.has(status) && text.includes(wanted));
      shown += row.hidden ? 0 : 1;
    }
    for (const { fold, open } of folds) {
      const hit = fold.querySelector("tr.finding:not([hidden])") !== null;
      fold.hidden = active && !hit;
      fold.open = active ? hit : open;
    }
    form.querySelector("output").value = active ? `${shown} of ${rows.length} checks` : "";
  };

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", reveal);
  // A second click on the same link changes no hash, but the fold may have been closed since.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal();
  });
  form.hidden = rows.length === 0;
  reveal();
})();
