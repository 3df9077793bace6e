mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::111122223333:role/pave/shop-production"
    }
  }
}

variables {
  name              = "shop_production"
  pave_id           = "res_01JD4T9XK2M7"
  service           = "shop"
  team              = "web"
  environment       = "production"
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC"
  oidc_issuer       = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC"
}

run "one_service_account" {
  variables {
    statements = [{ actions = ["s3:GetObject"], resources = ["arn:aws:s3:::shop/*"] }]
  }
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals == {
      "oidc.eks.eu-central-1.amazonaws.com/id/ABC:sub" = "system:serviceaccount:production:shop"
      "oidc.eks.eu-central-1.amazonaws.com/id/ABC:aud" = "sts.amazonaws.com"
    }
    error_message = "one service account and nobody else"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this[0].policy).Statement[0].Action[0] == "s3:GetObject"
    error_message = "what it may do"
  }
  assert {
    condition     = output.annotations["eks.amazonaws.com/role-arn"] == "arn:aws:iam::111122223333:role/pave/shop-production"
    error_message = "the annotation"
  }
}

run "nothing_at_first" {
  assert {
    condition     = length(aws_iam_role_policy.this) == 0
    error_message = "no permission without a statement"
  }
}

run "everything" {
  command = plan
  variables {
    statements = [{ actions = ["*"], resources = ["arn:aws:s3:::shop/*"] }]
  }
  expect_failures = [var.statements]
}

run "on_everything" {
  command = plan
  variables {
    statements = [{ actions = ["s3:GetObject"], resources = ["*"] }]
  }
  expect_failures = [var.statements]
}

run "rights_over_rights" {
  command = plan
  variables {
    statements = [{ actions = ["iam:CreateUser"], resources = ["arn:aws:iam::111122223333:user/x"] }]
  }
  expect_failures = [var.statements]
}
