using Registry.Host.Cli;

namespace Registry.Host.Serving.Reload;

/// <summary>A part of the gateway that takes changed settings or files while it runs. Registered as a service it takes part in every reload.</summary>
internal interface IReloadable
{
    /// <summary>Reads and checks all that it takes, and changes nothing.</summary>
    /// <param name="read">The options, read again.</param>
    /// <exception cref="CommandException">Something is of no use.</exception>
    PreparedReload Prepare(GatewayOptions read);
}

/// <summary>What was read and checked for a reload.</summary>
/// <param name="Keys">The settings whose values hold once it is applied.</param>
/// <param name="ApplyAsync">Puts it in force, and says in one line what that did; null for nothing to say.</param>
internal sealed record PreparedReload(IReadOnlyCollection<string> Keys, Func<CancellationToken, Task<string?>> ApplyAsync)
{
    /// <summary>Nothing of the part can change while the gateway runs.</summary>
    public static PreparedReload None { get; } = new([], _ => Task.FromResult<string?>(null));

    /// <summary>The same for what is put in force at once.</summary>
    public static PreparedReload Of(IReadOnlyCollection<string> keys, Func<string?> apply) => new(keys, _ => Task.FromResult(apply()));
}
