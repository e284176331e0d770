namespace Registry.Host.Cli;

/// <summary>How a command ended, for scripts. The numbers are for ever; <c>docs/cli.md</c> and <c>--help</c> list them.</summary>
internal enum ExitCode
{
    /// <summary>Done.</summary>
    Ok = 0,
    /// <summary>It ran and failed; a self-test that found a fault.</summary>
    Failed = 1,
    /// <summary>An option, an argument or a configuration file is wrong.</summary>
    Usage = 2,
    /// <summary>No gateway answers at the address, or one whose certificate is not trusted.</summary>
    GatewayUnreachable = 3,
    /// <summary>The gateway refused, or somebody who was asked said no.</summary>
    Refused = 4,
    /// <summary>A local address or port cannot be bound.</summary>
    AddressUnavailable = 5,
    /// <summary>The gateway could not join its cluster, or was removed from it; starting it again may help.</summary>
    ClusterLost = 6,
}

/// <summary>The table of exit codes that <c>--help</c> shows.</summary>
internal static class ExitCodes
{
    public const string Table =
        """
        Exit codes:
          0  done
          1  failed while running, or the self-test found a fault
          2  an option, an argument or a configuration file is wrong
          3  no gateway answers at the address, or one whose certificate is not trusted
          4  the gateway refused, or somebody who was asked said no
          5  a local address or port cannot be bound
          6  the gateway could not join its cluster, or was removed from it; start it again
        """;
}
