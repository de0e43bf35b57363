export const greeting = 'Hello from a module';
