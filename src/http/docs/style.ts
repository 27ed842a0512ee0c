// What Swagger UI's own style sheet leaves to do: long examples scroll, words stay whole, and a phone has room.
export const STYLE = `
.swagger-ui .information-container .info { margin: 24px 0 12px }
.swagger-ui .info .title { font-size: 28px }
.swagger-ui .scheme-container { padding: 12px 0; margin: 0 0 12px; box-shadow: none; background: none }
.swagger-ui .scheme-container .servers-title, .swagger-ui .scheme-container .servers { display: none }
.swagger-ui .opblock .opblock-summary-path { font-size: 14px; word-break: normal; overflow-wrap: anywhere; max-width: 60% }
.swagger-ui .opblock .opblock-summary-description { font-size: 13px; word-break: normal; overflow-wrap: anywhere }
.swagger-ui .highlight-code > .microlight, .swagger-ui .body-param textarea { max-height: 320px; overflow: auto }
.swagger-ui textarea { min-height: 220px }
.swagger-ui td.response-col_links, .swagger-ui .responses-table thead td.response-col_links { display: none }
@media (max-width: 700px) {
  .swagger-ui .wrapper { padding: 0 10px }
  .swagger-ui .opblock .opblock-summary { flex-wrap: wrap; padding: 6px }
  .swagger-ui .opblock .opblock-summary-control { flex-wrap: wrap; row-gap: 4px }
  .swagger-ui .opblock .opblock-summary-method { min-width: 56px; padding: 4px 0; font-size: 12px }
  .swagger-ui .opblock .opblock-summary-path-description-wrapper { flex-direction: column; align-items: flex-start; gap: 2px; flex: 1 1 70% }
  .swagger-ui .opblock .opblock-summary-path { max-width: 100%; flex: none; padding: 0 }
  .swagger-ui .opblock-tag { flex-wrap: wrap; font-size: 18px }
  .swagger-ui .opblock-tag small { flex: 1 1 100%; padding: 4px 0 }
  .swagger-ui .parameters-col_name { width: auto }
  .swagger-ui .response-col_status { min-width: 44px; width: 44px }
  .swagger-ui .opblock-description-wrapper, .swagger-ui .responses-inner { padding: 10px }
}
`;
