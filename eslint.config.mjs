import ts from 'typescript-eslint';

export default ts.config({
  files: ['src/**/*.ts', 'src/**/*.tsx'],
  extends: [ts.configs.base],
  languageOptions: {
    parserOptions: { project: ['src/*/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
  },
  rules: {
    '@typescript-eslint/no-floating-promises': 'error',
    '@typescript-eslint/no-misused-promises': 'error',
    '@typescript-eslint/switch-exhaustiveness-check': 'error',
    '@typescript-eslint/unbound-method': 'error',
    'no-restricted-properties': [
      'error',
      { object: 'URL', property: 'canParse', message: 'Node 20 denies texts beyond ASCII once it is optimised.' },
    ],
  },
});
