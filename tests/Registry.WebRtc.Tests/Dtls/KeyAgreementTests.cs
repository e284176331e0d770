using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;
using Registry.WebRtc.Dtls;

namespace Registry.WebRtc.Tests.Dtls;

/// <summary>The two groups that are offered. Between two peers of this stack it is the first; the other is for those that lack it.</summary>
public sealed class KeyAgreementTests
{
    [Theory]
    [InlineData(NamedGroup.x25519)]
    [InlineData(NamedGroup.secp256r1)]
    public void Both_sides_derive_the_secret_that_another_implementation_derives(int group)
    {
        DtlsCredentials.Groups.ShouldContain(group);
        var ours = new DtlsCrypto().CreateECDomain(new TlsECConfig(group)).CreateECDH();
        var theirs = new BcTlsCrypto().CreateECDomain(new TlsECConfig(group)).CreateECDH();
        var (ourShare, theirShare) = (ours.GenerateEphemeral(), theirs.GenerateEphemeral());

        ours.ReceivePeerValue(theirShare);
        theirs.ReceivePeerValue(ourShare);

        ours.CalculateSecret().Extract().ShouldBe(theirs.CalculateSecret().Extract());
    }

    [Theory]
    [InlineData(NamedGroup.x25519, 32, 0)] // the point whose every multiple is zero (RFC 7748 §6.1)
    [InlineData(NamedGroup.x25519, 31, 9)]
    [InlineData(NamedGroup.secp256r1, 65, 4)] // not on the curve
    [InlineData(NamedGroup.secp256r1, 33, 2)] // compressed
    public void A_share_that_is_no_point_of_the_group_ends_the_handshake(int group, int length, byte content)
    {
        var share = new byte[length];
        Array.Fill(share, content);
        var agreement = new DtlsCrypto().CreateECDomain(new TlsECConfig(group)).CreateECDH();
        agreement.GenerateEphemeral();

        Should.Throw<TlsFatalAlert>(() =>
        {
            agreement.ReceivePeerValue(share);
            agreement.CalculateSecret();
        });
    }
}
