using System.CommandLine;
using System.Net.Sockets;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>A gateway's client as the command line makes one, and what it says when a call fails.</summary>
internal static class GatewayClients
{
    extension(GatewayClient)
    {
        /// <summary>The client for <c>--gateway</c> and <c>--key-file</c>.</summary>
        /// <exception cref="CommandException">One of them is of no use.</exception>
        public static GatewayClient Of(ParseResult result)
        {
            var gateway = GatewayClient.ParseGateway(result.GetRequiredValue(SharedOptions.Gateway));
            return new(new GatewayAddress(gateway, GatewayKey.Read(result, gateway)) { ReadKeyAgain = () => GatewayKey.ReadAgain(result) });
        }

        /// <summary>Reads <c>--gateway</c>.</summary>
        /// <exception cref="CommandException">The text is not an http or https URL, or has a name or password in it.</exception>
        public static Uri ParseGateway(string text) =>
            text.Contains('@', StringComparison.Ordinal) ? throw CommandException.Usage("--gateway takes no name or password: others can read arguments. Leave out what stands before the '@', and give --key-file FILE.")
            : Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
                ? new Uri(url.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/")
                : throw CommandException.Usage($"--gateway '{text}' must be a URL such as http://127.0.0.1:8080.");
    }

    extension(GatewayException failure)
    {
        /// <summary>The code of a command that ends with it.</summary>
        public ExitCode ExitCode => failure is GatewayRefusedException ? ExitCode.Refused : ExitCode.GatewayUnreachable;

        /// <summary>Whether nothing is known of a tube by it: no gateway answers, also where a load balancer does, or the node that has the tube does not answer the gateway.</summary>
        public bool IsSilence => failure is GatewayUnreachableException || failure is GatewayRefusedException refused && refused.Code == RefusalCode.NodeUnreachable.Text;

        /// <summary>The line that a command ends with.</summary>
        public string Line => failure switch
        {
            GatewayRefusedException or GatewayUnreachableException { IsAnswered: true } => failure.Message,
            { InnerException: HttpRequestException { InnerException: SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } } } =>
                $"{failure.Message} Check the name: {failure.Gateway.Host} must be in DNS or in this machine's /etc/hosts.",
            _ => $"{failure.Message} Start one with 'registry serve', or give --gateway the address of one that runs.",
        };
    }
}
