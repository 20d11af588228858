# The few calls of the gem rabbitmq_http_api_client that bunny's tests make.

require "erb"
require "json"
require "net/http"
require "ostruct"
require "uri"

module Faraday
  class ResourceNotFound < StandardError; end
end

module RabbitMQ
  module HTTP
    # Asks the management API as the user guest.
    class Client
      def initialize(endpoint) = @endpoint = URI(endpoint)
      def list_connections = list("connections")
      def list_channels = list("channels")
      def list_queues(vhost = nil) = list(["queues", vhost])
      def list_exchanges(vhost = nil) = list(["exchanges", vhost])
      def close_connection(name) = ask(Net::HTTP::Delete, ["connections", name])

      private

      def list(path)
        JSON.parse(ask(Net::HTTP::Get, path).body, object_class: OpenStruct)
      end

      def ask(method, path)
        path = [*path].compact.map { |part| ERB::Util.url_encode(part) }.join("/")
        request = method.new("/api/#{path}")
        request.basic_auth("guest", "guest")
        answer = Net::HTTP.start(@endpoint.host, @endpoint.port) { |http| http.request(request) }
        raise Faraday::ResourceNotFound if answer.code == "404"

        answer
      end
    end
  end
end
