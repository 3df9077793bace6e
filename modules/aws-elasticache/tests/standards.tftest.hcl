mock_provider "aws" {
  mock_resource "aws_elasticache_replication_group" {
    defaults = {
      primary_endpoint_address = "master.shop.cache.amazonaws.com"
    }
  }
}

mock_provider "random" {}

variables {
  name        = "shop-api_production"
  pave_id     = "res_01JD4T9XK2M7"
  team        = "web"
  environment = "production"
  vpc_id      = "vpc-0a1b"
  subnet_ids  = ["subnet-0a", "subnet-0b"]
}

run "standards" {
  assert {
    condition     = aws_elasticache_replication_group.this.at_rest_encryption_enabled == "true" && aws_elasticache_replication_group.this.transit_encryption_enabled
    error_message = "encrypted at rest and on its way"
  }
  assert {
    condition     = aws_elasticache_replication_group.this.multi_az_enabled && aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "two zones"
  }
  assert {
    condition     = length(aws_elasticache_replication_group.this.auth_token) > 0 && aws_elasticache_replication_group.this.node_type == "cache.t3.medium"
    error_message = "a password, and a small one"
  }
  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.this : r.cidr_ipv4 == "10.0.0.0/8" && r.from_port == 6379 && r.to_port == 6379])
    error_message = "port 6379 from 10/8 alone"
  }
  assert {
    condition     = endswith(output.url, "@master.shop.cache.amazonaws.com:6379") && startswith(output.url, "rediss://:")
    error_message = "an address"
  }
}

run "a_long_name" {
  variables {
    name = "a-service-with-a-name-that-is-long-enough-to-be-cut_production"
  }
  assert {
    condition     = length(aws_elasticache_replication_group.this.replication_group_id) <= 40 && !strcontains(aws_elasticache_replication_group.this.replication_group_id, "--")
    error_message = "at most 40 characters"
  }
}

run "open_to_the_world" {
  command = plan
  variables {
    allowed_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "a_size_that_is_none" {
  command = plan
  variables {
    size = "huge"
  }
  expect_failures = [var.size]
}
