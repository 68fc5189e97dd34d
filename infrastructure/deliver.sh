#!/usr/bin/env bash
# Deploys an unpacked release, or asks whether it works: .github/workflows/deploy-environment.yml.
#
# Usage: deliver.sh [--smoke] DIRECTORY, with ENVIRONMENT, STACK, BUCKET, ROLE, AWS_REGION and perhaps
# API_URL in the environment.
set -euo pipefail

of_stack() {
  aws cloudformation describe-stacks --stack-name "$STACK" --output text --query "Stacks[0].$1"
}

if [[ "$1" == --smoke ]]; then
  url="${API_URL:-$(of_stack "Outputs[?OutputKey=='ApiUrl'].OutputValue")}"
  exec python "$2/infrastructure/smoke.py" "$url"
fi

# The first deployment has no stack yet, and says so where it asks.
if [[ "$(of_stack StackStatus || true)" == UPDATE_ROLLBACK_FAILED ]]; then
  echo "The rollback of an earlier deployment is stuck; continuing it"
  aws cloudformation continue-update-rollback --stack-name "$STACK" --role-arn "$ROLE"
  aws cloudformation wait stack-rollback-complete --stack-name "$STACK"
fi
cd "$1"
exec sam deploy --config-env "$ENVIRONMENT" --region "$AWS_REGION" --no-confirm-changeset \
  --no-resolve-s3 --s3-bucket "$BUCKET" --s3-prefix "$STACK" --role-arn "$ROLE"
