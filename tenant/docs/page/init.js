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

// A scheme of type openIdConnect holds what a caller may do and is nothing to sign
// in with here, where a token is pasted: Swagger UI would ask for its discovery.
// What an operation wants of it becomes words.
function takeOut(names, security) {
  const wanted = [];
  for (const requirement of security || []) {
    const scopes = names.flatMap((name) => requirement[name] || []);
    names.forEach((name) => delete requirement[name]);
    if (scopes.length > 0) {
      wanted.push(scopes.map((scope) => `\`${scope}\``).join(" and "));
    }
  }
  return wanted.length > 0 && wanted.length === security.length ? `Wants ${wanted.join(", or ")}.` : "";
}

function describeScopes(document) {
  const schemes = document.components?.securitySchemes || {};
  const names = Object.keys(schemes).filter((name) => schemes[name]?.type === "openIdConnect");
  names.forEach((name) => delete schemes[name]);
  const forAll = takeOut(names, document.security);
  for (const item of Object.values(document.paths || {})) {
    for (const operation of Object.values(item)) {
      if (operation?.responses === undefined) {
        continue;
      }
      const words = operation.security === undefined ? forAll : takeOut(names, operation.security);
      if (words) {
        operation.description = `${operation.description || ""}\n\n${words}`.trim();
      }
    }
  }
}

const plainDocument = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => {
          describeExamples(document);
          describeScopes(document);
          return update(document);
        },
      },
    },
  },
});

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
  plugins: [plainDocument],
  queryConfigEnabled: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
