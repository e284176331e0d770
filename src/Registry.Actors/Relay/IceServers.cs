using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Relay;

/// <summary>
/// The STUN and TURN servers of a node's tubes: those of the settings, with their credentials or with time-limited ones, and those of
/// the endpoint. Tubes that outlive their credentials come back for fresh ones.
/// </summary>
internal sealed class IceServers : IIceServerProvider
{
    private readonly IReadOnlyList<IceServer> configured;
    private readonly SharedSecretIceServers? timeLimited;
    private readonly RelayCredentials? endpoint;

    /// <param name="settings">The servers, their secrets and the endpoint.</param>
    /// <param name="endpoint">Fetches credentials, or null.</param>
    /// <param name="time">The clock of time-limited credentials.</param>
    public IceServers(RegistrySettings settings, RelayCredentials? endpoint, TimeProvider time)
    {
        this.endpoint = endpoint;
        // With an endpoint, servers without credentials of their own are what it gives credentials for.
        var needTheEndpoint = endpoint is not null && settings.IceSharedSecret is null && settings.IceUsername is null;
        var urls = needTheEndpoint ? [.. settings.IceServerUrls.Where(url => !IceServerUrl.Parse(url).IsTurn)] : settings.IceServerUrls;
        timeLimited = settings.IceSharedSecret is { } secret ? new(urls, secret, settings.IceSharedSecretLifetime, time) : null;
        configured = timeLimited is not null || urls.Count == 0 ? [] : [new(urls, settings.IceUsername, settings.IceCredential)];
    }

    /// <summary>Whether getting the servers takes time and can fail.</summary>
    public bool NeedEndpoint => endpoint is not null;

    /// <summary>What the settings alone give.</summary>
    public IReadOnlyList<IceServer> Configured => timeLimited is null ? configured : [timeLimited.Create()];

    /// <summary>Gets the servers a tube may use, or says why not.</summary>
    /// <param name="cancellationToken">The tube's end.</param>
    public async Task<(IReadOnlyList<IceServer> Servers, Refused? Refusal)> FetchAsync(CancellationToken cancellationToken)
    {
        if (endpoint is null)
            return (Configured, null);
        var (servers, refusal) = await endpoint.FetchAsync(cancellationToken);
        return (refusal is null ? [.. Configured, .. servers] : [], refusal);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<IceServer>> GetServersAsync(CancellationToken cancellationToken = default)
    {
        var (servers, refusal) = await FetchAsync(cancellationToken);
        return refusal is null ? servers : throw new InvalidOperationException(refusal.Message);
    }
}
