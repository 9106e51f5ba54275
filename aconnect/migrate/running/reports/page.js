// Filters the table of items. Without scripts, all of it is shown and there are no controls.
const controls = document.getElementById("controls");
const [words, state] = [document.getElementById("words"), document.getElementById("state")];
const shown = document.getElementById("shown");
const rows = [...document.querySelectorAll("#items tbody tr")].map((row) => ({
  row,
  text: row.textContent.toLowerCase(),
  state: row.querySelector(".state").textContent,
}));
function filter() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const each of rows) {
    const fits = (!state.value || each.state === state.value)
      && wanted.every((word) => each.text.includes(word));
    each.row.hidden = !fits;
    count += fits;
  }
  shown.textContent = `${count} of ${rows.length}`;
}
words.addEventListener("input", filter);
state.addEventListener("change", filter);
controls.hidden = false;
filter();
