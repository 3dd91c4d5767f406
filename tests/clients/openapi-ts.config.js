export default {
  input: 'openapi.json',
  // Node.js runs TypeScript as it is where imports name the file.
  output: { path: 'generated/hey-api', module: { extension: '.ts' } },
  plugins: ['@hey-api/typescript', '@hey-api/sdk', '@hey-api/client-fetch'],
};
