using System.Net;
using System.Text.Json;
using Registry.Messages;

namespace Registry.Host.Serving;

/// <summary>Who has a port that a gateway is to serve on, as far as that can be known by asking.</summary>
internal static class PortOccupant
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Says who it is, and what to do about it.</summary>
    public static async Task<string> TellAsync(IPEndPoint address, CancellationToken cancellationToken) => await AskAsync(address, cancellationToken) switch
    {
        "ready" => "A gateway runs there: stop it first.",
        var state when state == RefusalCode.Draining.Text => "A gateway that goes out of service still runs there: stop it, or wait until it has ended.",
        _ => "Another program listens there, perhaps a gateway that has not ended yet: stop it, or wait for its end.",
    };

    // One with TLS does not answer this, and is not asked with TLS: its certificate is for its clients' names.
    private static async Task<string?> AskAsync(IPEndPoint address, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = Patience, MaxResponseContentBufferSize = 4096 };
        var asked = address.Address.Equals(IPAddress.Any) ? new(IPAddress.Loopback, address.Port) : address.Address.Equals(IPAddress.IPv6Any) ? new(IPAddress.IPv6Loopback, address.Port) : address;
        try
        {
            using var answer = await http.GetAsync(new Uri($"http://{asked}/readyz"), cancellationToken);
            var body = await answer.Content.ReadAsStringAsync(cancellationToken);
            return answer.IsSuccessStatusCode ? body : JsonSerializer.Deserialize<ProblemBody>(body, GatewayJson.Options)?.Code;
        }
        // Whoever has it may answer in any form, such as in an encoding that there is not, which is an InvalidOperationException.
        catch (Exception e) when (e is HttpRequestException or JsonException or InvalidOperationException || e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
