// Renders templates with the real nunjucks and with nunjitsu, the engine of
// Backstage's scaffolder: one JSON request a line in, one JSON answer a line out.
const nunjucks = require('nunjucks');
const { createTemplateRenderer } = require('nunjitsu');
const lines = require('readline').createInterface({ input: process.stdin });

function withNunjucks(request) {
  const options = request.options || {};
  const templates = request.templates || {};
  const loader = {
    getSource: (name) =>
      name in templates ? { src: templates[name], path: name, noCache: true } : null,
  };
  const env = new nunjucks.Environment(loader, {
    autoescape: false,
    trimBlocks: !!options.trim_blocks,
    lstripBlocks: !!options.lstrip_blocks,
    tags: options.variable_start
      ? { variableStart: options.variable_start, variableEnd: options.variable_end || '}}' }
      : undefined,
  });
  return env.renderString(request.src, request.vars);
}

function withNunjitsu(request) {
  const options = request.options || {};
  const renderer = createTemplateRenderer({
    allowRegexExecution: true,
    trimBlocks: !!options.trim_blocks,
    lstripBlocks: !!options.lstrip_blocks,
    cookiecutterCompat: !options.variable_start,
  });
  if (request.value) {
    return renderer.renderValue(request.src, request.vars);
  }
  return renderer.render(request.src, request.vars);
}

lines.on('line', (line) => {
  const request = JSON.parse(line);
  let answer;
  try {
    const out = request.engine === 'nunjitsu' ? withNunjitsu(request) : withNunjucks(request);
    answer = { out: out === undefined ? null : out };
  } catch (e) {
    answer = { error: String(e.message).slice(0, 500) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
});
