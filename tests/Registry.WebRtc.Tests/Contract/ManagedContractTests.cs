using Registry.WebRtc.Tests.PeerConnections;

namespace Registry.WebRtc.Tests.Contract;

/// <summary>The managed stack with itself. What it can do beyond the contract is tested with its parts.</summary>
public sealed class ManagedContractTests : PeerConnectionContract
{
    protected override IPeerConnectionFactory CreateOffering() => ConnectionPair.CreateFactory(socketPerConnection: true);

    protected override IPeerConnectionFactory CreateAnswering() => ConnectionPair.CreateFactory();

    [Fact]
    public async Task The_managed_stack_lacks_nothing()
    {
        await using var factory = CreateAnswering();
        factory.Capabilities.ShouldBe(PeerConnectionCapabilities.All);
    }
}
