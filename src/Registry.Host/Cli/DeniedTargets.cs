using System.Collections.Concurrent;

namespace Registry.Host.Cli;

/// <summary>Says once what the gateway says of a target that no rule allows: when a tube is ready, and not again for each connection over it, nor for the next tube. Safe for any thread.</summary>
/// <param name="say">Takes a line.</param>
internal sealed class DeniedTargets(Action<string> say)
{
    private readonly ConcurrentDictionary<string, string> warnings = new(StringComparer.Ordinal); // by port

    /// <summary>Says the warning that a port's new tube came with.</summary>
    /// <param name="port">The port's name.</param>
    /// <param name="warning">The warning; null for none.</param>
    public void Warn(string port, string? warning)
    {
        if (warning is null)
        {
            warnings.TryRemove(port, out _);
            return;
        }

        var isSaid = warnings.TryGetValue(port, out var said) && said == warning;
        warnings[port] = warning;
        if (!isSaid)
            say($"{port}: {warning}");
    }

    /// <summary>Whether this is such a warning.</summary>
    public bool IsSaid(string text) => warnings.Values.Contains(text);
}
