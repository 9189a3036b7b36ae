// Swagger UI over the portal's own OpenAPI document; no request leaves the portal.
"use strict";

const place = document.getElementById("api");

SwaggerUIBundle({
  url: place.dataset.document,
  dom_id: "#api",
  deepLinking: true,
  displayOperationId: true,
  filter: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  validatorUrl: "none",
  requestInterceptor: (request) => {
    // The console's session may change something only with this header; a token needs none.
    if (new URL(request.url, location.href).origin === location.origin) {
      request.headers["X-CSRFToken"] = place.dataset.csrf;
    }
    return request;
  },
});
