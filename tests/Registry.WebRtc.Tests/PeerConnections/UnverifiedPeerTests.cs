using System.Collections.Concurrent;
using System.Net;
using Org.BouncyCastle.Tls;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Dtls;
using Registry.WebRtc.Net;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Sdp;
using Registry.WebRtc.Tests.Dtls;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>What somebody may cause who has not shown yet that he is the peer, or that he is where he says.</summary>
public sealed class UnverifiedPeerTests
{
    private static readonly IPAddress victims = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress peers = IPAddress.Parse("192.0.2.2");

    /// <summary>The peer has the keys before its certificate is looked at, and uses them: with the promised certificate its data waits for that, with another it is gone.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nothing_is_delivered_or_sent_before_the_fingerprint_was_verified(bool isPromised)
    {
        using var certificate = DtlsCertificate.Create(DateTimeOffset.UtcNow);
        using var other = DtlsCertificate.Create(DateTimeOffset.UtcNow);
        var link = new InMemoryLink();
        var fromVictim = new ConcurrentQueue<byte[]>();
        await using var factory = PeerConnectionFactory.Create(new() { HostAddresses = [victims] }, link.A);
        var victim = factory.CreatePeerConnection();
        var channels = 0;
        victim.DataChannelReceived += _ => Interlocked.Increment(ref channels);
        victim.CreateDataChannel("eager"); // has something to say at once
        HastyDtlsClient client = null!;
        using var peer = new TamperingPeer(link.B, link.A.LocalEndPoints[0], records =>
        {
            fromVictim.Enqueue(records);
            client.Take(records);
        });
        client = new(certificate, factory.CurrentCertificate().Fingerprint, FirstSctpPacket(), datagram => peer.SendDatagram(datagram));

        await peer.SignalAsync(victim, isPromised ? certificate.Fingerprint : other.Fingerprint, DtlsSetup.Active);
        var handshake = client.RunAsync();

        // What it makes of it is not the point: whoever sends data that early cannot repeat its flight.
        await Task.WhenAny(handshake).WaitAsync(Patience);
        if (isPromised)
        {
            await UntilAsync(() => victim.GetStatsReport().SctpTransport is { PacketsReceived: > 0 });
            await UntilAsync(() => fromVictim.Any(IsApplicationData));
            return;
        }
        await UntilAsync(() => victim.ConnectionState == PeerConnectionState.Failed);
        victim.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.FingerprintMismatch);
        victim.Failure.Message.ShouldContain(certificate.Fingerprint.Value[..11]);
        victim.GetStatsReport().SctpTransport.ShouldBeNull();
        fromVictim.ShouldContain(datagram => IsAlert(datagram, AlertDescription.bad_certificate));
        fromVictim.ShouldNotContain(datagram => IsApplicationData(datagram));
        channels.ShouldBe(0);
    }

    /// <summary>A record that is genuine in all but its sender: only the peer's own address counts, and there it still counts afterwards.</summary>
    [Fact]
    public async Task Genuine_records_from_another_address_are_ignored()
    {
        var link = new InMemoryLink();
        await using var here = PeerConnectionFactory.Create(new() { HostAddresses = [victims] }, link.A);
        await using var there = PeerConnectionFactory.Create(new() { HostAddresses = [peers] }, link.B);
        var (victim, peer) = (here.CreatePeerConnection(), there.CreatePeerConnection());
        var arrived = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        victim.DataChannelReceived += channel => arrived.TrySetResult(channel);
        var sending = peer.CreateDataChannel("test");
        await SignalAsync(peer, victim);
        await sending.WaitForOpenAsync().WaitAsync(Patience);
        var receiving = await arrived.Task.WaitAsync(Patience);
        var held = new ConcurrentQueue<byte[]>();
        link.Carries = (from, datagram) =>
        {
            if (from == link.B)
                held.Enqueue(datagram);
            return from != link.B;
        };
        sending.TrySend("a secret"u8).ShouldBeTrue();
        await UntilAsync(() => held.Any(IsApplicationData));
        var records = held.Where(IsApplicationData).ToArray();
        var received = victim.GetStatistics().PacketsReceived;

        foreach (var stranger in (IPEndPoint[])[new(peers, 2001), new(IPAddress.Parse("192.0.2.3"), 2000), new(IPAddress.Parse("2001:db8::2"), 2000)])
            Array.ForEach(records, record => link.A.Inject(record, TransportAddress.From(stranger)));
        Array.ForEach(records, record => link.A.Inject(record, TransportAddress.From(link.B.LocalEndPoints[0])));

        using var message = (await receiving.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
        message.Data.ToArray().ShouldBe("a secret"u8.ToArray());
        victim.GetStatistics().PacketsReceived.ShouldBe(received + records.Length);
        here.Demultiplexer.AddressCount.ShouldBe(1);
    }

    /// <summary>A flight of the handshake is many times as long as what asks for it: it goes only where a check was answered from.</summary>
    [Fact]
    public async Task No_handshake_goes_to_an_address_that_has_not_answered_a_check()
    {
        var link = new InMemoryLink();
        await using var here = PeerConnectionFactory.Create(new() { HostAddresses = [victims] }, link.A);
        await using var there = PeerConnectionFactory.Create(new() { HostAddresses = [peers] }, link.B);
        var (victim, forger) = (here.CreatePeerConnection(), there.CreatePeerConnection());
        var fromVictim = new ConcurrentQueue<byte[]>();
        link.Carries = (from, datagram) =>
        {
            if (from == link.A)
                fromVictim.Enqueue(datagram); // goes to whose address was forged
            return from == link.B;
        };
        forger.CreateDataChannel("test");
        await SignalAsync(forger, victim);
        await UntilAsync(() => !fromVictim.IsEmpty && victim.GetStatistics().PacketsReceived > 0);
        var hello = await ClientHelloAsync();

        const int hellos = 200;
        for (var i = 0; i < hellos; i++)
            link.A.Inject(hello, TransportAddress.From(link.B.LocalEndPoints[0]));

        await UntilAsync(() => victim.GetStatistics().PacketsReceived >= hellos + 1);
        fromVictim.ShouldAllBe(datagram => datagram[0] < 4); // STUN (RFC 7983 §7)
        victim.ConnectionState.ShouldBe(PeerConnectionState.Connecting);
    }

    private static bool IsApplicationData(byte[] datagram) => datagram[0] == (byte)DtlsContentType.ApplicationData;

    private static bool IsAlert(byte[] datagram, short description) => datagram is [(byte)DtlsContentType.Alert, .., var last] && last == description;

    private static byte[] FirstSctpPacket()
    {
        var association = new DataChannelAssociation(new SctpOptions(), isDtlsClient: true);
        association.Start(TimeSpan.Zero);
        var packet = new byte[1200];
        association.TryWritePacket(TimeSpan.Zero, packet, out var length).ShouldBeTrue();
        return packet[..length];
    }

    private static async Task<byte[]> ClientHelloAsync()
    {
        var hello = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var certificate = DtlsCertificate.Create(DateTimeOffset.UtcNow);
        using var client = new DtlsEndpoint(certificate, DtlsRole.Client, [certificate.Fingerprint]) { Wire = datagram => hello.TrySetResult(datagram) };
        client.Start();
        return await hello.Task.WaitAsync(Patience);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }
}
