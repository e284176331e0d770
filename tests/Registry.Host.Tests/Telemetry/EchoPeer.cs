using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Registry.Host.Tests.EndToEnd;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Host.Tests.Telemetry;

/// <summary>A peer that makes an offer to a gateway over HTTP, and sends a little to and fro over the tube that comes of it.</summary>
internal sealed class EchoPeer : IAsyncDisposable
{
    private readonly PeerConnectionFactory factory = PeerConnectionFactory.Create();
    private IPeerConnection? connection;

    public string Offer { get; private set; } = "";

    public string Answer { get; private set; } = "";

    public string TubeId { get; private set; } = "";

    /// <param name="http">The gateway.</param>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="bearer">A key or token; null for none.</param>
    /// <param name="traceParent">The header <c>traceparent</c>; null for none.</param>
    /// <param name="bytes">What is sent and must come back; null for any.</param>
    public async Task ConnectAsync(HttpClient http, string conversationId, string? bearer = null, string? traceParent = null, byte[]? bytes = null)
    {
        bytes ??= new byte[1000];
        (await ExchangeAsync(http, conversationId, RealGateway.Echo, bytes, bearer, traceParent)).ShouldBe(bytes);
    }

    /// <summary>Makes a tube, sends a message over it and returns the first that comes.</summary>
    public async Task<byte[]> ExchangeAsync(HttpClient http, string conversationId, object settings, byte[] message, string? bearer = null, string? traceParent = null)
    {
        connection = factory.CreatePeerConnection();
        var channel = connection.CreateDataChannel(conversationId);
        var offer = await connection.CreateOfferAsync();
        await connection.SetLocalDescriptionAsync(offer);
        Offer = SdpText.Encode(offer.Sdp);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/tubes")
        {
            // The gateway's candidates are enough: it finds the peer's by the checks that come in.
            Content = JsonContent.Create(new { conversationId, settings, offer = Offer, trickleIce = false }),
        };
        if (bearer is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (traceParent is not null)
            request.Headers.Add("traceparent", traceParent);
        using var response = await http.SendAsync(request).WaitAsync(Eventually.Patience);
        response.StatusCode.ShouldBe(HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
        var created = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        (TubeId, Answer) = (created.GetProperty("tubeId").GetString()!, created.GetProperty("answer").GetString()!);
        await connection.SetRemoteDescriptionAsync(new(SdpType.Answer, Encoding.UTF8.GetString(Convert.FromBase64String(Answer))));
        await channel.WaitForOpenAsync().WaitAsync(Eventually.Patience);
        await channel.SendAsync(message);
        using var answer = await channel.ReceiveAsync().AsTask().WaitAsync(Eventually.Patience);
        return answer.ShouldNotBeNull().Data.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        if (connection is not null)
            await connection.DisposeAsync();
        await factory.DisposeAsync();
    }
}
