export default {
  paylink: {
    input: 'openapi.json',
    output: {
      client: 'fetch',
      target: 'generated/orval.ts',
      tsconfig: 'tsconfig.json',
      override: {
        // Without this each event type and each `object` has a constant of its own beside its type.
        enumGenerationType: 'union',
        mutator: { path: 'typescript/call.ts', name: 'call', extension: '.ts' },
      },
    },
  },
};
