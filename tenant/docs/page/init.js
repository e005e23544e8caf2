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
  queryConfigEnabled: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
