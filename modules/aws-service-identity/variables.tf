variable "name" {
  description = "what pave calls it; the names at the cloud are made from it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_-]{0,62}$", var.name))
    error_message = "A name begins with a-z and has a-z, 0-9, '_' and '-', at most 63."
  }
}

variable "pave_id" {
  description = "the id of the resource in pave, put on everything that is made"
  type        = string
}

variable "team" {
  description = "who owns it"
  type        = string
}

variable "environment" {
  description = "what it is for"
  type        = string
}

variable "service" {
  description = "whose identity it is"
  type        = string
}

variable "oidc_provider_arn" {
  description = "the cluster's OpenID provider in IAM"
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_provider_arn))
    error_message = "It looks like arn:aws:iam::111122223333:oidc-provider/oidc.eks.REGION.amazonaws.com/id/..."
  }
}

variable "oidc_issuer" {
  description = "the cluster's issuer: aws eks describe-cluster --query cluster.identity.oidc.issuer"
  type        = string

  validation {
    condition     = can(regex("^(https://)?[a-z0-9.-]+/[A-Za-z0-9/._-]+$", var.oidc_issuer))
    error_message = "It looks like https://oidc.eks.REGION.amazonaws.com/id/..."
  }
}

variable "namespace" {
  description = "of the service account; the environment without"
  type        = string
  default     = null
}

variable "service_account" {
  description = "that may take the role; the service without"
  type        = string
  default     = null
}

variable "statements" {
  description = "what the service may do, each action and resource by name"
  type = list(object({
    actions   = list(string)
    resources = list(string)
  }))
  default = []

  validation {
    condition = alltrue(flatten([for s in var.statements : concat(
      [for a in s.actions : can(regex("^[a-z0-9-]+:[A-Za-z]+[*]?$", a)) && !startswith(a, "iam:") && !startswith(a, "organizations:")],
      [for r in s.resources : startswith(r, "arn:")]
    )]))
    error_message = "Name actions (s3:GetObject, s3:Get*), none of iam or organizations, and resources by their ARN."
  }
}

variable "permissions_boundary" {
  description = "ARN of a policy that no permission goes beyond"
  type        = string
  default     = null
}

variable "tags" {
  description = "put on everything, beside managed-by"
  type        = map(string)
  default     = {}
}
