using Registry.WebRtc;

namespace Registry.Interop.Tests;

/// <summary>One foreign peer and one factory of ours for all tests of a class. Both start with the first test, so a class of skipped tests starts nothing.</summary>
public abstract class PeerFixture(PeerProfile profile) : IAsyncLifetime
{
    private Task<ForeignPeer>? peer;
    private PeerConnectionFactory? factory;

    public PeerProfile Profile => profile;

    internal async Task<InteropSession> ConnectAsync(
        Offerer offerer, PeerConnectionConfiguration? configuration = null, bool trickle = true, CandidateFilter? filter = null, PeerConnectionFactory? from = null)
    {
        peer ??= ForeignPeer.StartAsync(profile);
        factory ??= PeerConnectionFactory.Create();
        return await InteropSession.ConnectAsync(await peer, from ?? factory, configuration, offerer, trickle, filter: filter);
    }

    /// <summary>Peer connections of ours that are not closed.</summary>
    internal int OpenConnections => factory?.OpenConnections ?? 0;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (factory is not null)
            await factory.DisposeAsync();
        if (peer is { IsCompletedSuccessfully: true })
            await (await peer).DisposeAsync();
    }
}
