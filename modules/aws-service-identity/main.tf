locals {
  issuer          = trimprefix(var.oidc_issuer, "https://")
  namespace       = coalesce(var.namespace, var.environment)
  service_account = coalesce(var.service_account, var.service)
  tags            = merge(var.tags, { managed-by = "pave", pave_id = var.pave_id, team = var.team, environment = var.environment })
}

# One service account of one namespace may take the role, and nobody else.
resource "aws_iam_role" "this" {
  name                 = substr(replace(var.name, "_", "-"), 0, 64)
  path                 = "/pave/"
  description          = "${var.service} in ${var.environment}"
  max_session_duration = 3600
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:sub" = "system:serviceaccount:${local.namespace}:${local.service_account}"
          "${local.issuer}:aud" = "sts.amazonaws.com"
        }
      }
    }]
  })

  tags = local.tags
}

resource "aws_iam_role_policy" "this" {
  count = length(var.statements) > 0 ? 1 : 0

  name = "service"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for s in var.statements : { Effect = "Allow", Action = s.actions, Resource = s.resources }]
  })
}
