/** Built-in content detectors, by the names that policies use. Their patterns and checks live beside the kernels. */
export const detectorNames = [
  'email',
  'credit_card',
  'us_ssn',
  'phone',
  'iban',
  'ipv4',
  'ipv6',
  'jwt',
  'aws_key',
  'github_token',
  'slack_token',
  'stripe_key',
  'private_key',
] as const;

export type DetectorName = (typeof detectorNames)[number];
