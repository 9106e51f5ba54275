// Draws the charts. Text and lines take the color of the page; data is never evaluated.
const faint = { domainColor: "currentColor", domainOpacity: 0.4, tickColor: "currentColor",
  tickOpacity: 0.4, gridColor: "currentColor", gridOpacity: 0.15, labelColor: "currentColor",
  titleColor: "currentColor", titleFontWeight: "normal" };
const config = {
  background: "transparent",
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: { ...faint, labelFontSize: 12, titleFontSize: 12 },
  legend: { labelColor: "currentColor", titleColor: "currentColor", labelFontSize: 12 },
  text: { fill: "currentColor", fontSize: 12 },
};
const options = { config, ast: true, renderer: "svg", actions: false, defaultStyle: false,
  tooltip: { disableDefaultStyle: true } };
const charts = JSON.parse(document.getElementById("charts").textContent);
for (const [id, specification] of Object.entries(charts)) {
  await vegaEmbed(`#${id}`, specification, options);
}
document.documentElement.dataset.drawn = Object.keys(charts).length;
