using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Registry.Host.Api;
using Registry.Host.Serving.Reload;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>What operators ask a gateway.</summary>
internal sealed partial class GatewayClient
{
    public Task<ListBody<NodeBody>> ReadNodesAsync(CancellationToken cancellationToken) =>
        SendAsync<ListBody<NodeBody>>(HttpMethod.Get, "v1/nodes", null, cancellationToken);

    public Task<JsonElement> ChangeLimitsAsync(LimitsBody body, CancellationToken cancellationToken) =>
        SendAsync<JsonElement>(HttpMethod.Put, "v1/capacity/limits", body, cancellationToken);

    public Task<ReloadReport> ReloadAsync(CancellationToken cancellationToken) =>
        SendAsync<ReloadReport>(HttpMethod.Post, "v1/node/reload", null, cancellationToken);

    /// <summary>The figures as Prometheus reads them.</summary>
    public async Task<string> ReadMetricsAsync(CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, "metrics", null, HttpCompletionOption.ResponseContentRead, cancellationToken);
        return await response.Content.ReadAsStringAsync(cancellationToken);
    }

    /// <summary>What happens to all tubes, from the list of them on; ends with the connection.</summary>
    public async IAsyncEnumerable<(string Kind, string Data)> ReadEventsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, "v1/events", null, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(cancellationToken))
            yield return (item.EventType, item.Data);
    }
}
