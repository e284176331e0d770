using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Registry.WebRtc.Net;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

public sealed class PeerConnectionFactoryTests
{
    [Fact]
    public async Task New_connections_get_a_new_certificate_when_its_lifetime_is_over_and_the_others_keep_theirs()
    {
        var time = new FakeTimeProvider();
        var lifetime = TimeSpan.FromHours(12);
        await using var factory = PeerConnectionFactory.Create(new() { CertificateLifetime = lifetime, TimeProvider = time });
        var first = factory.CreatePeerConnection();
        var fingerprint = await FingerprintAsync(first);

        time.Advance(lifetime - TimeSpan.FromSeconds(1));
        (await FingerprintAsync(factory.CreatePeerConnection())).ShouldBe(fingerprint);
        time.Advance(TimeSpan.FromSeconds(1));
        (await FingerprintAsync(factory.CreatePeerConnection())).ShouldNotBe(fingerprint);

        (await FingerprintAsync(first)).ShouldBe(fingerprint);
    }

    [Fact]
    public async Task Connections_with_certificates_of_different_ages_connect()
    {
        await using var gateway = PeerConnectionFactory.Create(Options with { CertificateLifetime = TimeSpan.FromTicks(1) });
        await using var clients = PeerConnectionFactory.Create(Options with { CertificateLifetime = TimeSpan.FromTicks(1), SocketPerConnection = true });
        var (older, newer) = (gateway.CreatePeerConnection(), gateway.CreatePeerConnection());
        foreach (var server in (IPeerConnection[])[newer, older])
        {
            var client = clients.CreatePeerConnection();
            var channel = client.CreateDataChannel("test");
            await SignalAsync(client, server);
            await channel.WaitForOpenAsync().WaitAsync(Patience);
        }
    }

    /// <summary>Other systems have only single datagrams; the two kinds of transport understand each other.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_transport_of_every_system_carries_messages(bool batchedPeer)
    {
        await using var plain = PeerConnectionFactory.Create(Options, PlainTransport());
        await using var other = batchedPeer ? PeerConnectionFactory.Create(Options) : PeerConnectionFactory.Create(Options, PlainTransport());
        var (offerer, answerer) = (plain.CreatePeerConnection(), other.CreatePeerConnection());
        var accepted = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        answerer.DataChannelReceived += accepted.SetResult;
        var channel = offerer.CreateDataChannel("test");
        await SignalAsync(offerer, answerer);
        var peer = await accepted.Task.WaitAsync(Patience);

        foreach (var (from, to) in new[] { (channel, peer), (peer, channel) })
        {
            var payload = RandomNumberGenerator.GetBytes(200_000);
            await from.SendAsync(payload);
            using var message = (await to.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
            message.Data.ToArray().ShouldBe(payload);
        }
    }

    private static UdpTransport PlainTransport() =>
        new(new UdpSocket(IPAddress.Loopback, 0, new HostAddresses([IPAddress.Loopback], NetworkFilter.None, TimeProvider.System), NullLogger.Instance));

    [Fact]
    public async Task The_warm_up_connects_and_closes()
    {
        using var patience = new CancellationTokenSource(Patience);
        await PeerConnectionWarmUp.RunAsync(patience.Token);
        PeerConnectionFactory.WarmUpAsync().ShouldBeSameAs(PeerConnectionFactory.WarmUpAsync());
    }

    private static PeerConnectionFactoryOptions Options => new() { BindAddress = IPAddress.Loopback, HostAddresses = [IPAddress.Loopback] };

    private static async Task<string> FingerprintAsync(IPeerConnection connection)
    {
        connection.CreateDataChannel("test");
        return (await connection.CreateOfferAsync()).Sdp.Split("a=fingerprint:")[1].Split('\r')[0];
    }
}
