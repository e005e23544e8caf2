// Swagger UI fills in the example of every parameter, and so sends a request
// that all the examples together narrow down to nothing. Optional parameters
// start empty here; their examples become words.
function describeExample(parameter) {
  if (!parameter || parameter.required || parameter.in === undefined) {
    return;
  }
  const schema = parameter.schema || {};
  const example = parameter.example ?? schema.example ?? Object.values(parameter.examples || {})[0]?.value;
  if (example === undefined) {
    return;
  }
  delete parameter.example;
  delete parameter.examples;
  delete schema.example;
  const text = Array.isArray(example) ? example.join(", ") : String(example);
  parameter.description = `${parameter.description || ""} Example: \`${text}\``.trim();
}

function describeExamples(document) {
  Object.values(document.components?.parameters || {}).forEach(describeExample);
  for (const item of Object.values(document.paths || {})) {
    for (const part of [item, ...Object.values(item)]) {
      if (Array.isArray(part?.parameters)) {
        part.parameters.forEach(describeExample);
      }
    }
  }
}

const emptyParameters = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => {
          describeExamples(document);
          return update(document);
        },
      },
    },
  },
});

// Where the tenant stands in the path, as in /t/acme/docs/, requests begin there
// too; the document knows nothing of it.
const base = new URL("..", window.location.href).pathname.replace(/\/$/, "");

function underBase(request) {
  const url = new URL(request.url, window.location.href);
  if (base && url.origin === window.location.origin && !url.pathname.startsWith(`${base}/`)) {
    url.pathname = base + url.pathname;
    request.url = url.href;
  }
  return request;
}

// The page asks nobody else: no validator, no configuration from the address,
// and the token is forgotten with the page.
SwaggerUIBundle({
  url: "../openapi.yaml",
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  plugins: [emptyParameters],
  queryConfigEnabled: false,
  requestInterceptor: underBase,
  tryItOutEnabled: true,
  validatorUrl: null,
});
