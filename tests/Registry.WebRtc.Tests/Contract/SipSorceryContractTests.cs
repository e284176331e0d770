using Registry.WebRtc.SipSorcery;
using Registry.WebRtc.Tests.PeerConnections;

namespace Registry.WebRtc.Tests.Contract;

/// <summary>SIPSorcery with itself.</summary>
public sealed class SipSorceryContractTests : PeerConnectionContract
{
    internal static IPeerConnectionFactory CreateFactory() => SipSorceryPeerConnectionFactory.Create(ConnectionPair.LoopbackOptions);

    protected override IPeerConnectionFactory CreateOffering() => CreateFactory();

    protected override IPeerConnectionFactory CreateAnswering() => CreateFactory();

    [Fact]
    public void Options_that_ask_for_what_it_lacks_are_refused()
    {
        Should.Throw<NotSupportedException>(() => SipSorceryPeerConnectionFactory.Create(new() { UdpPort = 1 })).Message.ShouldContain("UDP port");
        Should.Throw<NotSupportedException>(() => SipSorceryPeerConnectionFactory.Create(new() { TcpPort = 0 })).Message.ShouldContain("TCP");
        Should.Throw<NotSupportedException>(() => SipSorceryPeerConnectionFactory.Create(new() { RelayAuthorities = [] })).Message.ShouldContain("authorities");
    }

    /// <summary>Takes the 16 s after which SIPSorcery gives up.</summary>
    [Fact]
    public async Task A_peer_that_never_answers_is_a_failure_of_ICE()
    {
        await using var pair = new ConnectionPair(CreateFactory(), ConnectionPair.CreateFactory());
        var states = new StateLog(pair.Offerer);
        pair.Offerer.CreateDataChannel("test");
        var offer = await pair.Offerer.CreateOfferAsync();
        await pair.Offerer.SetLocalDescriptionAsync(offer);
        await pair.Answerer.SetRemoteDescriptionAsync(offer);
        // Neither side learns of a candidate of the other.
        await pair.Offerer.SetRemoteDescriptionAsync(await pair.Answerer.CreateAnswerAsync());

        await states.ReachAsync(PeerConnectionState.Failed);
        pair.Offerer.Failure.ShouldNotBeNull().Kind.ShouldBe(PeerConnectionFailureKind.IceFailed);
        pair.OfferingFactory.OpenConnections.ShouldBe(0);
    }
}

/// <summary>The managed stack offers, SIPSorcery answers.</summary>
public sealed class ManagedToSipSorceryContractTests : PeerConnectionContract
{
    protected override IPeerConnectionFactory CreateOffering() => ConnectionPair.CreateFactory();

    protected override IPeerConnectionFactory CreateAnswering() => SipSorceryContractTests.CreateFactory();
}

/// <summary>SIPSorcery offers, the managed stack answers.</summary>
public sealed class SipSorceryToManagedContractTests : PeerConnectionContract
{
    protected override IPeerConnectionFactory CreateOffering() => SipSorceryContractTests.CreateFactory();

    protected override IPeerConnectionFactory CreateAnswering() => ConnectionPair.CreateFactory();
}
