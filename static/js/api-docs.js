// Starts Swagger UI on the site API's document. A session's writes carry the CSRF token, as Django's own forms do.
const place = document.getElementById("api-docs");
const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function followTheme() {
  const { theme } = root.dataset;
  root.classList.toggle("dark-mode", theme === "dark" || (theme !== "light" && prefersDark.matches));
}

function csrfToken() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}

followTheme();
prefersDark.addEventListener("change", followTheme);
new MutationObserver(followTheme).observe(root, { attributeFilter: ["data-theme"] });

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: -1, // every shape is shown where it is used
  requestInterceptor(request) {
    if (request.method && request.method !== "GET") request.headers["X-CSRFToken"] = csrfToken();
    return request;
  },
});
