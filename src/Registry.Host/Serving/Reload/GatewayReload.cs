using Registry.Host.Cli;

namespace Registry.Host.Serving.Reload;

/// <summary>Reads configuration, keys and certificates again while the gateway runs. All of it is read and checked before any of it counts.</summary>
internal sealed class GatewayReload : IDisposable
{
    private readonly SemaphoreSlim gate = new(1);
    private readonly Func<GatewayOptions> readAgain;
    private readonly IReadOnlyList<IReloadable> parts;
    private Dictionary<string, string> inForce;

    /// <param name="started">What the gateway was started with.</param>
    /// <param name="parts">What takes part, in the order in which it is applied.</param>
    public GatewayReload(GatewayOptions started, IEnumerable<IReloadable> parts)
    {
        readAgain = started.ReadAgain ?? (() => started);
        this.parts = [.. parts];
        inForce = ValuesOf(started);
    }

    /// <summary>Reads again, and applies what can be.</summary>
    /// <exception cref="CommandException">A file or setting is of no use; nothing changed.</exception>
    public async Task<ReloadedBody> ReloadAsync(CancellationToken cancellationToken = default)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            var read = readAgain();
            var values = ValuesOf(read);
            var prepared = parts.Select(part => part.Prepare(read)).ToArray();
            var remarks = new List<string>();
            // From here on it is done to its end, whoever has gone away meanwhile.
            foreach (var part in prepared)
                if (await part.ApplyAsync(CancellationToken.None) is { } remark)
                    remarks.Add(remark);
            string[] changed = [.. values.Keys.Union(inForce.Keys).Where(key => values.GetValueOrDefault(key) != inForce.GetValueOrDefault(key)).Order(StringComparer.Ordinal)];
            var taken = prepared.SelectMany(part => part.Keys).ToHashSet(StringComparer.Ordinal);
            foreach (var key in changed.Where(taken.Contains))
                inForce[key] = values[key];
            return new([.. changed.Where(taken.Contains)], [.. changed.Where(key => !taken.Contains(key))], remarks);
        }
        finally
        {
            gate.Release();
        }
    }

    public void Dispose() => gate.Dispose();

    private static Dictionary<string, string> ValuesOf(GatewayOptions options)
    {
        var config = options.Registry.Configuration.WithFallback(GatewayConfiguration.Default);
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in GatewayConfiguration.Values(config))
            values[key] = string.Join('\n', GatewayConfiguration.Texts(value));
        return values;
    }
}
