export default function (config) {
  config.addPassthroughCopy("css");
  return { dir: { input: ".", includes: "_includes", output: "_site" } };
}
